"""Hydra's plugins: the sweeper that reads ``a..b`` and the launcher that hands over a whole multirun."""
