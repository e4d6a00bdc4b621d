"""Hides the passwords of store addresses, wherever an address may be shown or recorded."""

import os
import re
from collections.abc import Iterable

HIDDEN = "***"

_USER = re.compile(r"(?<=://)([^/?#@:]*):.*@", re.DOTALL)
_QUERY = re.compile(r"([?&][^=&]*(?:pass|pwd|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE)


def shown(address: str) -> str:
    """Return an address, or a word of a command that holds one, without its password.

    A password may be unquoted, so it reaches as far as the last @: SQLAlchemy, which ends it at the first, would show
    the rest as a part of the host.
    """
    return _QUERY.sub(rf"\1{HIDDEN}", _USER.sub(rf"\1:{HIDDEN}@", address))


def without_passwords(text: str, words: Iterable[str]) -> str:
    """Return a message without the passwords of the words that it may repeat, and of MLFLOW_TRACKING_URI.

    Parameters
    ----------
    words
        Addresses, or words of a command as in ``tracking.uri=…``.
    """
    values = [value for word in words for value in (word, word.partition("=")[2].strip("'\""))]
    for value in [*values, os.environ.get("MLFLOW_TRACKING_URI", "")]:
        if value and shown(value) != value:
            text = text.replace(value, shown(value))
    return text
