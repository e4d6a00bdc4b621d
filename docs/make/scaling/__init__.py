"""A model of what a sweep costs, fitted to measured sweeps and drawn further."""
