"""Hydra's door into xorlab: the sweeper that reads ``a..b`` and the launcher that hands a multirun to the sweep."""
