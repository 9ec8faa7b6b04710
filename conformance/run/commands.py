"""Runs programs to their end; an interrupt or error first ends the program and everything it has started."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    with _running(words, environment=environment, stderr=subprocess.PIPE) as process:
        stdout, stderr = process.communicate(timeout=seconds)
    return subprocess.CompletedProcess(words, process.returncode, stdout, stderr)


def followed(
    words: Sequence[str | Path],
    said: Callable[[str], None],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    kept: Sequence[int] = (),
) -> int:
    """Run a program to its end, like `completed`, and pass on each line that it prints, on either output.

    Args:
        folder: its working directory. kept: the open files that it and all that it starts keep.

    Returns:
        Its exit code.

    Raises:
        OSError: it cannot be started.
    """
    with _running(words, environment=environment, stderr=subprocess.STDOUT, folder=folder, kept=kept) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said(line.rstrip())
        return process.wait()


@contextlib.contextmanager
def _running(
    words: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None,
    stderr: int,
    folder: Path | None = None,
    kept: Sequence[int] = (),
) -> Iterator[subprocess.Popen[str]]:
    process: subprocess.Popen[str] | None = None
    try:
        with unbroken():
            process = subprocess.Popen(
                words,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                errors="replace",
                pass_fds=kept,
                start_new_session=True,
            )
        yield process
    except BaseException:
        if process is not None:
            end_all(process.pid)
            process.communicate()
        raise


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
