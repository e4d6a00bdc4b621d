"""The exceptions of xorlab. The command line prints each as one line."""


class XorlabError(Exception):
    """A mistake that the user can fix; the message is one line that says how."""


class SpecError(XorlabError, ValueError):
    """A value in a specification that breaks its rule."""


class StoreError(XorlabError):
    """A tracking store that can't be opened, read or written."""
