"""Matplotlib without the docstrings that it generates when it is imported, which take half of that time."""

import sys
from importlib import import_module

from matplotlib import artist

GENERATED = "_update_set_signature_and_docstring"
"""Private: what `Artist` calls for each of its subclasses, to describe their `set`. Tested with Matplotlib 3.11; where
it is missing, the import takes its time."""


def load() -> None:
    """Import Matplotlib's figures, and their documentation only where a person may ask for it, in IPython."""
    if "IPython" in sys.modules or not hasattr(artist.Artist, GENERATED):
        return
    documented = artist.Artist.__dict__[GENERATED], artist.kwdoc
    setattr(artist.Artist, GENERATED, classmethod(lambda cls: None))
    artist.kwdoc = lambda artist: ""
    try:
        import_module("matplotlib.figure")
    finally:
        setattr(artist.Artist, GENERATED, documented[0])
        artist.kwdoc = documented[1]
