"""The process of a harness, and the conversation with it: one request, one answer."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final

from conformance.adapters.harness.describe import cannot_start
from conformance.adapters.harness.errors import HarnessDied, HarnessFault, ending
from conformance.adapters.harness.frames import EndOfFile, Frame, Reader, to_bytes
from conformance.adapters.harness.messages import answer_of
from conformance.adapters.harness.trace import Trace
from conformance.case.errors import AdapterUnavailable
from conformance.files import MEBIBYTE

_STDERR: Final = 2
_LOOK_SECONDS: Final = 0.25
_DRAIN_SECONDS: Final = 0.5
"""After the process has ended: for what is still under way, and no longer, as its children may hold its output open."""
END_SECONDS: Final = 1.5
"""In which a harness must have ended after its input has."""
_NOISE_KEPT: Final = 1000
_PIECE: Final = MEBIBYTE
_POSIX: Final = os.name == "posix"
"""Elsewhere pipes cannot be waited for; there a harness ends when its output is closed."""


class Conversation:
    """A harness that is running.

    Args:
        label: what it is called in a transcript.
        words: its command.
        environment: its complete environment; None for this process's.

    Attributes:
        noise: the beginning of what it has printed beside its frames.
        killed: whether it did not end by itself in time, after its input had.

    Raises:
        AdapterUnavailable: it cannot be started.
    """

    def __init__(
        self,
        label: str,
        words: Sequence[str],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        try:
            self._process = subprocess.Popen(
                words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
            )
        except OSError as error:
            raise AdapterUnavailable(cannot_start(words, error)) from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        if _POSIX:
            os.set_blocking(self._in, False)
        self.noise = b""
        self.killed = False
        self._trace = Trace(label)
        self._reader = Reader(self._more, self._take_noise)
        self._numbers = count(1)

    def ask(self, op: str, tensors: bytes = b"", *, most: int = 0, **fields: Any) -> tuple[Any, bytes]:
        """The answer to a request: one of the models of conformance.adapters.harness.messages, and what follows it.

        Args:
            op: what is asked.
            tensors: safetensors, sent after the line.
            most: bytes that may follow the answer.
            fields: those of the request.

        Raises:
            HarnessDied: the process ended in place of an answer.
            HarnessFault: what came is no answer to this; the conversation is over.
        """
        return self.receive(op, self.send(op, tensors, **fields), most)

    def send(self, op: str, tensors: bytes = b"", **fields: Any) -> int:
        """Send a request without waiting for its answer; returns its id."""
        number = next(self._numbers)
        header = {"op": op, "id": number} | fields
        self._trace.frame("suite", Frame(header | {"bytes": len(tensors)}, tensors))
        self._write(to_bytes(header, tensors))
        return number

    def receive(self, op: str, number: int, most: int = 0) -> tuple[Any, bytes]:
        """The answer to a request that was sent; see `ask`."""
        try:
            frame = self._reader.next(most)
        except EndOfFile as end:
            raise self._ended(end.doing) from None
        self._trace.frame("harness", frame)
        answer = answer_of(op, frame.header)
        if answer.id != number:
            raise HarnessFault(
                f"an answer to request {answer.id} came where that to request {number}, {op}, was due; requests are "
                "answered one at a time, in order"
            )
        if answer.op != "ok" and frame.payload:
            raise HarnessFault(f"an answer {answer.op!r} has no tensors; {len(frame.payload):,} bytes follow this one")
        return answer, frame.payload

    def close(self) -> int:
        """Let it end by itself, at the end of its input, or else kill it; returns how it ended, as subprocess does."""
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            self.killed = True
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._trace.end(ending(self._process.returncode))
        return self._process.returncode

    def _write(self, data: bytes) -> None:
        """Write all of it; what a harness prints meanwhile is read, for it may wait for that."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._in, view[:_PIECE]) :]
            except BlockingIOError:
                readable, _, _ = select.select([self._out], [self._in], [], _LOOK_SECONDS)
                if readable:
                    self._reader.feed(os.read(self._out, _PIECE))
                if self._process.poll() is not None:
                    return  # one that it has started may hold the pipe open
            except OSError:  # it has ended; what it said last is still to be read
                return

    def _more(self) -> bytes:
        """The next bytes that it prints; none when no more can come from it."""
        while _POSIX and not select.select([self._out], [], [], _LOOK_SECONDS)[0]:
            if self._process.poll() is not None:  # one that it has started may hold the pipe open
                if not select.select([self._out], [], [], _DRAIN_SECONDS)[0]:
                    return b""
                break
        return os.read(self._out, _PIECE)

    def _ended(self, doing: str) -> HarnessDied:
        try:
            code = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise HarnessFault("it closed its standard output and did not end") from error
        self._trace.end(ending(code))
        return HarnessDied(code, doing)

    def _take_noise(self, data: bytes) -> None:
        if data:
            self._trace.noise(data)
            self.noise += data[: _NOISE_KEPT - len(self.noise)]
            os.write(_STDERR, data)  # the log of a worker, else the terminal
