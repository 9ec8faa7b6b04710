"""Programs that are run to their end; whatever cuts that short ends them first, with all that they have started."""

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
    """Run a program to its end, without input and in a session of its own.

    Args:
        seconds: how long it may take; None for as long as it does.
        environment: its whole environment; this process's if None.

    Raises:
        OSError, subprocess.TimeoutExpired: it cannot be started, it did not end.
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
    """Have Ctrl-C that strikes in here take effect at the end: a process may be there that nobody knows of yet."""
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
