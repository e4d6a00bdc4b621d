"""Training R networks at once, in NumPy: forward, loss, backward, update.

Here: layers, networks, ensembles, the training loop, exact gradients and Hessians. Not here: what a result means
(`diagnosis`), or where it is kept (`tracking`). Nothing in this package knows MLflow, pandas or Hydra.
"""
