"""Running what was asked for: one run or many, in chunks and processes, recorded under one parent.

Here: jobs, chunks and workers, records of trained runs, the parent of a sweep, progress in the terminal. Not here:
reading a command line (`cli`), or MLflow's tables (`tracking`).
"""
