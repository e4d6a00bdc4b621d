"""Writing to MLflow: stores and their addresses, records of runs, and the one class that writes them.

Here: everything that is written, and what a run records of its origin (commit, machine). Not here: reading runs back
(`runs`), or deciding what a record says (`sweeps.recording`).
"""
