"""The command line: overrides, Hydra's composition, multiruns, and one line for each mistake.

Here: everything that knows Hydra. Not here: anything that trains or records; that takes plain specifications.
"""
