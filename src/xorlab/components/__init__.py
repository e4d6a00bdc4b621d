"""What a run is made of: activations, losses, data sets, initialisers and optimizers.

Each file is a dictionary from a name to its entry. To add one is to add an entry there; the rest of xorlab reads these
dictionaries. Not here: how the pieces work together (`numerics`).
"""
