"""Ctrl-C, which may strike in the middle of anything, a library that hides it too."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import click

_interrupted = threading.Event()


def interrupted() -> bool:
    """Whether Ctrl-C has struck since `interrupts` began, even if nobody heard of it: some code catches everything."""
    return _interrupted.is_set()


@contextlib.contextmanager
def interrupts() -> Iterator[None]:
    """Whatever error a library makes of an interrupt in here, it is one.

    Raises:
        KeyboardInterrupt: also in place of an error after Ctrl-C. pydantic makes such ones, while it builds a model.
    """
    _interrupted.clear()
    usual = signal.getsignal(signal.SIGINT)
    if not callable(usual) or threading.current_thread() is not threading.main_thread():
        yield
        return

    def strike(number: int, frame: FrameType | None) -> None:
        _interrupted.set()
        usual(number, frame)

    signal.signal(signal.SIGINT, strike)
    try:
        yield
    except click.exceptions.Exit:
        raise  # the end of a command, not an error
    except Exception as error:
        if interrupted():
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, usual)
