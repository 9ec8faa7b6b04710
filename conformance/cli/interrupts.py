"""Ctrl-C, which may strike in the middle of anything."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import click


@contextlib.contextmanager
def interrupts() -> Iterator[None]:
    """Whatever a library makes of an interrupt in here, it is one.

    Raises:
        KeyboardInterrupt: also for another error, after Ctrl-C. pydantic is such a library, while it builds a model.
    """
    usual = signal.getsignal(signal.SIGINT)
    if not callable(usual) or threading.current_thread() is not threading.main_thread():
        yield
        return
    struck = False

    def strike(number: int, frame: FrameType | None) -> None:
        nonlocal struck
        struck = True
        usual(number, frame)

    signal.signal(signal.SIGINT, strike)
    try:
        yield
    except click.exceptions.Exit:
        raise  # the end of a command, not an error
    except Exception as error:
        if struck:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, usual)
