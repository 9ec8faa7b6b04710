"""Standard output and error, which may be closed or full, or unable to encode what is printed."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

from conformance.case.errors import ConformanceError

_READER_GONE = (errno.EPIPE, errno.ESHUTDOWN, *((errno.EINVAL,) if sys.platform == "win32" else ()))


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Standard output and error as the commands need them.

    `| head` ends when it has read enough. That is not an error: further output is discarded, and the command still runs
    to its end, writes its files and returns its usual exit code.

    Raises:
        ConformanceError: standard output cannot be written for another reason, such as a full disk.
    """
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _open_missing()
    before = sys.stdout, sys.stderr
    output, error = _Stream(sys.stdout, "standard output"), _Stream(sys.stderr, None)
    sys.stdout, sys.stderr = cast(TextIO, output), cast(TextIO, error)
    try:
        yield
        output.finish()
    except SystemExit:
        output.finish()
        raise
    finally:
        sys.stdout, sys.stderr = before


def print_error(message: str) -> None:
    """Print a line on standard error, outside `standard_streams`. Where that is not possible, the exit code must do."""
    error = _Stream(sys.stderr, None)
    error.write(f"{message}\n")
    error.flush()


def _open_missing() -> None:
    """Open the null device for each missing stream, or a file opened later would get its number and what is printed.

    Workers inherit it, or the connection of a worker would get that number there.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


class _Stream:
    """A stream that is written as far as possible.

    Args:
        stream: None if the process was started without it.
        name: what to call it in an error; None: a failed write is not reported, because there is nowhere to report it.
    """

    def __init__(self, stream: TextIO | None, name: str | None) -> None:
        self._stream = stream if stream is not None else io.StringIO()
        self._name = name
        self._lost = stream is None
        self._problem: ConformanceError | None = None
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a character that it cannot encode is not a reason to end

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._watched():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._watched():
            self._stream.flush()

    def finish(self) -> None:
        """Write what is still buffered now: when the interpreter ends, it can only complain.

        Raises:
            ConformanceError: something could not be written, even if the error was caught when it happened.
        """
        self.flush()
        if self._problem is not None:
            raise self._problem

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if self._lost:
                return
            self._lose()
            if self._name is not None and error.errno not in _READER_GONE:
                self._problem = ConformanceError(f"{self._name}: cannot be written: {error.strerror}")
                raise self._problem from error

    def _lose(self) -> None:
        """Discard all further output, and what is still buffered when the interpreter ends."""
        self._lost = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        with contextlib.suppress(OSError, ValueError):
            os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
