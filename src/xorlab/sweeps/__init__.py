"""Training and recording what was asked for: one run, or many in chunks and processes under one parent.

Here: jobs, chunks, worker processes, the records of trained runs and of their parent, progress in the terminal.
Not here: reading a command line (`cli`), or writing MLflow's tables (`tracking`).
"""
