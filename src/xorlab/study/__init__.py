"""Runs as people work with them: chosen from the store, reported, and drawn as they learned.

Here: which runs are meant, and what brings several packages together for them. Not here: arguments of commands
(`cli`), and what a single package can do.
"""
