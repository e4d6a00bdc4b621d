"""The exceptions of xorlab; the command line shows each as one line."""


class XorlabError(Exception):
    """A mistake the user can mend; its text is one line that says what to do."""


class SpecError(XorlabError, ValueError):
    """A specification that no network can be trained from."""


class StoreError(XorlabError):
    """A tracking store that can't be opened, read or written."""
