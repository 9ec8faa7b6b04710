"""The standard streams, which may be closed, or full, or have no letters for what is printed."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

from conformance.case.errors import ConformanceError

_NOBODY_READS = (errno.EPIPE, errno.ESHUTDOWN, *((errno.EINVAL,) if sys.platform == "win32" else ()))


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Standard output and error as the commands need them.

    `| head` ends when it has enough. That is not an error: what is printed from then on goes nowhere, and the command
    goes on to its end and its exit code, with the files that it writes.

    Raises:
        ConformanceError: standard output cannot be written for another reason, a full disk.
    """
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _fill_the_gaps()
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


def _fill_the_gaps() -> None:
    """Have no file that is opened later take the place of a stream that is not there, and get what libraries print."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


class _Stream:
    """A stream that is written as far as it can be.

    Args:
        stream: None where the process was started without it.
        name: what to call it in an error; None: what cannot be written is not told, for there is nowhere to tell it.
    """

    def __init__(self, stream: TextIO | None, name: str | None) -> None:
        self._stream = stream if stream is not None else io.StringIO()
        self._name = name
        self._lost = stream is None
        self._problem: ConformanceError | None = None
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a letter that it does not have is no reason to end

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
        """Write what is in a buffer here, and not where the interpreter ends, which can only complain.

        Raises:
            ConformanceError: something could not be written, whether or not anybody has caught the error then.
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
            if self._name is not None and error.errno not in _NOBODY_READS:
                self._problem = ConformanceError(f"{self._name}: cannot be written: {error.strerror}")
                raise self._problem from error

    def _lose(self) -> None:
        """From now on nothing is written; neither is what is still in a buffer, when the interpreter ends."""
        self._lost = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        with contextlib.suppress(OSError, ValueError):
            os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
