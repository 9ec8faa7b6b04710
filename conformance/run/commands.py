"""Runs programs to their end; an interrupt or error first ends the program and everything it has started."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from conformance.run.confine import end_all


def completed(
    words: Sequence[str | Path], *, seconds: float | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, without input and in a new session.

    Args:
        seconds: how long it may take; None for no limit.
        environment: its complete environment; None for that of this process.

    Raises:
        OSError, subprocess.TimeoutExpired: it cannot be started, or did not end in time.
    """
    process: subprocess.Popen[str] | None = None
    try:
        with unbroken():
            process = subprocess.Popen(
                words,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        stdout, stderr = process.communicate(timeout=seconds)
    except BaseException:
        if process is not None:
            end_all(process.pid)
            process.communicate()
        raise
    return subprocess.CompletedProcess(words, process.returncode, stdout, stderr)


@contextlib.contextmanager
def unbroken() -> Iterator[None]:
    """Delay Ctrl-C until the end of this context, because a process may have been started but not recorded yet."""
    usual = signal.getsignal(signal.SIGINT)
    if not callable(usual) or threading.current_thread() is not threading.main_thread():
        yield
        return
    struck: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: struck.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        for number, frame in struck[:1]:
            usual(number, frame)
