"""What would have helped a run, and whether it reproduces: training again from a record.

Here: changes to a specification, trials of them, their summary, and verification. Not here: the diagnosis of the run
itself (`diagnosis`).
"""
