"""Handles Ctrl-C, which may arrive at any point, even inside a library that hides it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import click

_interrupted = threading.Event()


def interrupted() -> bool:
    """Whether Ctrl-C was pressed since `interrupts` began, even if the exception was lost: some code catches all."""
    return _interrupted.is_set()


@contextlib.contextmanager
def interrupts() -> Iterator[None]:
    """Make sure that Ctrl-C in this context ends in KeyboardInterrupt, even if a library turns it into another error.

    Raises:
        KeyboardInterrupt: also in place of an error raised after Ctrl-C. pydantic raises such errors when it is
            interrupted while it builds a model.
    """
    _interrupted.clear()
    previous = signal.getsignal(signal.SIGINT)
    if not callable(previous) or threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        _interrupted.set()
        previous(number, frame)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    except click.exceptions.Exit:
        raise  # the end of a command, not an error
    except Exception as error:
        if interrupted():
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, previous)
