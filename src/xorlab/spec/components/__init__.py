"""What a run is made of: activations, losses, data sets, initialisers and optimizers.

Each file ends in a dictionary from names to entries. To add a component, add an entry; the rest of xorlab reads these
dictionaries. Not here: how the components work together (`numerics`).
"""
