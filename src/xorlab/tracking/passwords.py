"""Hides the passwords of stores in everything that is printed or recorded.

A command calls `hide` first; from then on its output is filtered, whoever writes it: Hydra, argparse, MLflow, a
traceback. `Tracker` filters a record's free text: commands, errors, the tree's uncommitted changes. Both replace the
passwords that are known, in every spelling, and whatever looks like an address with a password.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, cast
from urllib.parse import quote, quote_plus, unquote, unquote_plus

HIDDEN = "***"

SHORTEST = 4
"""Characters of a password that is looked for by itself; shorter ones are hidden in addresses only."""

VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD")
"""Variables of the environment that hold a password."""

_SECRET = r"[?&][^=&\s]*(?:pass|pwd|secret|token|(?:api|access)_?key)[^=&\s]*="
_USER = re.compile(r"(?<=://)([^/?#@:]*):(.*)@", re.DOTALL)
_QUERY = re.compile(rf"({_SECRET})([^&]*)", re.IGNORECASE)
_USER_IN_TEXT = re.compile(r"""(?<=://)([^/?#@:\s]*):(?!\d+(?:[/?#\s'"]|$))[^\s'"]*@""")
_QUERY_IN_TEXT = re.compile(rf"""({_SECRET})[^&\s'"]+""", re.IGNORECASE)

_known: dict[str, re.Pattern[str]] = {}


def shown(address: str) -> str:
    """Return an address without its password.

    A password may be unquoted, so it reaches as far as the last @: SQLAlchemy, which ends it at the first, would show
    the rest as a part of the host.
    """
    return _QUERY.sub(rf"\1{HIDDEN}", _USER.sub(rf"\1:{HIDDEN}@", address))


def learn(word: str) -> None:
    """Remember the passwords of an address, or of a word of a command as in ``tracking.uri=…``."""
    if "://" in word:
        for part in (word, *word.split(",")):
            for pattern in (_USER, _QUERY):
                for match in pattern.finditer(part):
                    _remember(match[2].strip("'\""))


def redacted(text: str) -> str:
    """Return a text without passwords."""
    for pattern in list(_known.values()):
        text = pattern.sub(HIDDEN, text)
    if "://" not in text:
        return text
    return _QUERY_IN_TEXT.sub(rf"\1{HIDDEN}", _USER_IN_TEXT.sub(rf"\1:{HIDDEN}@", text))


def hide(words: Iterable[str]) -> None:
    """Hide passwords in everything that this process prints from now on.

    Parameters
    ----------
    words
        Those of the command.
    """
    for word in (*words, os.environ.get("MLFLOW_TRACKING_URI", "")):
        learn(word)
    for name in VARIABLES:
        _remember(os.environ.get(name, ""))
    for name in ("stdout", "stderr"):
        if not isinstance(stream := getattr(sys, name), _Filtered):
            setattr(sys, name, cast(TextIO, _Filtered(stream)))


class _Filtered:
    """A stream for text, which hides passwords in what is written to it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(redacted(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _remember(password: str) -> None:
    if password in _known:
        return
    # The longest first: one spelling may begin with another.
    found = sorted({each for each in _spellings(password) if len(each) >= SHORTEST}, key=len, reverse=True)
    if found:
        # A long line may be folded at its spaces.
        folded = (r"\s+".join(map(re.escape, re.split(r"\s+", each))) for each in found)
        _known[password] = re.compile("|".join(folded))


def _spellings(password: str) -> Iterator[str]:
    """Yield a password as it may appear: percent-encoded or decoded, quoted for a shell, YAML, JSON, Python, libpq."""
    typed = re.sub(r"\\(.)", r"\1", password)
    for plain in {password, typed, unquote(password), unquote_plus(password)}:
        yield from (plain, quote(plain), quote(plain, safe=""), quote_plus(plain))
        yield from (repr(plain)[1:-1], json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1])
        yield from (plain.replace("'", "''"), plain.replace("'", "'\"'\"'"), plain.replace("'", "\\'"))
