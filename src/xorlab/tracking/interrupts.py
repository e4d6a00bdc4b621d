"""Ctrl-C and SIGTERM: they end the work with the store in order, and never in the midst of a transaction."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the work as Ctrl-C does, by an exception; the exit status is 143."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


_held: list[list[int]] = []
"""The interruptions that each `held` around the present moment holds back."""


def waiting() -> bool:
    """Tell whether an interruption is held back: whatever can be given up should be."""
    return any(_held)


@contextmanager
def held() -> Iterator[None]:
    """Hold interruptions back until what is inside is whole; then they do what they would have done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending: list[int] = []
    before = {number: signal.signal(number, lambda number, frame: pending.append(number)) for number in SIGNALS}
    _held.append(pending)
    try:
        yield
    finally:
        _held.pop()
        for number, handler in before.items():
            signal.signal(number, handler)
        if pending:
            signal.raise_signal(pending[0])
