"""Frames: one line of JSON that begins with `{"op":`, then as many bytes as its `bytes` says.

What is on a line before that, and every line without it, is noise: whatever an engine prints to standard output. Only a
line that is an answer but for its beginning is none: who waits for the right one waits for ever.
Everything that is read is bounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from conformance.adapters.harness.errors import HarnessFault
from conformance.case.text import shortened
from conformance.files import MEBIBYTE, parse_json

START: Final = b'{"op":'
MOST_HEADER: Final = MEBIBYTE
MOST_NOISE: Final = MEBIBYTE
"""The most bytes of a header, and of what is printed beside the frames before one answer."""
_TENSORS_AT: Final = 8
_INDENTED: Final = 64
_OPENING: Final = (b"", b"{", b'"')
_FIELD: Final = re.compile(rb'\s*"op"\s*:')
"""How the line of an object begins that is written over several lines."""


class Frame(NamedTuple):
    """header: with `op`, `id` and `bytes`. payload: safetensors, or nothing."""

    header: dict[str, Any]
    payload: bytes


class EndOfFile(Exception):
    """No more bytes can come. doing: what was being read."""

    def __init__(self, doing: str) -> None:
        super().__init__(doing)
        self.doing = doing


def to_bytes(header: Mapping[str, Any], payload: bytes = b"") -> bytes:
    """A frame as it is sent. header: without `bytes`; `op` is its first key."""
    line = json.dumps({**header, "bytes": len(payload)}, separators=(",", ":"), allow_nan=False)
    return line.encode() + b"\n" + payload


class Reader:
    """Reads frames.

    Args:
        more: the next bytes, as many as there are; none at the end of the file.
        noise: is given what is no frame, piece by piece.
    """

    def __init__(self, more: Callable[[], bytes], noise: Callable[[bytes], None]) -> None:
        self._more = more
        self._noise = noise
        self._kept = bytearray()

    def next(self, most: int) -> Frame:
        """The next frame.

        Args:
            most: the largest number of bytes after the line that makes sense.

        Raises:
            HarnessFault: a header that is none, a size that is not right, too much noise.
            EndOfFile: before the end of a frame.
        """
        line = self._line()
        try:
            header = parse_json(line)
        except ValueError as error:
            raise HarnessFault(f"a line begins like a frame and is not JSON: {error}: {_shown(line)}") from error
        size = header.get("bytes")
        if type(size) is not int or size < 0:
            raise HarnessFault(f'"bytes" must be a whole number, the size of what follows: {_shown(line)}')
        if size > most:
            raise HarnessFault(f"{size:,} bytes are announced; no answer to this needs more than {most:,}")
        return Frame(header, self._payload(size))

    def feed(self, data: bytes) -> None:
        """Take bytes that have been read by somebody else."""
        self._kept += data

    def _line(self) -> bytes:
        """The line of the next frame, without its end; what comes before it goes to `noise`."""
        noise = 0
        while True:
            end = self._kept.find(b"\n")
            start = self._kept.find(START, 0, end if end >= 0 else len(self._kept))
            skipped = start if start >= 0 else end + 1 if end >= 0 else self._skippable()
            if skipped:
                noise += skipped
                if noise > MOST_NOISE:
                    raise HarnessFault(f"more than {MOST_NOISE:,} bytes on standard output that are no frame")
                beside = bytes(self._kept[:skipped])
                self._noise(beside)
                del self._kept[:skipped]
                _demand_no_answer(beside)
            elif start == 0 and end >= 0:
                line = bytes(self._kept[:end])
                del self._kept[: end + 1]
                return line
            elif start == 0 and len(self._kept) > MOST_HEADER:
                raise HarnessFault(f"a header of more than {MOST_HEADER:,} bytes")
            else:
                try:
                    self._read("within a header" if start == 0 else "before it answered")
                except EndOfFile:
                    self._noise(bytes(self._kept))
                    raise

    def _skippable(self) -> int:
        """How many bytes of a line without an end yet are noise, and cannot become a frame or what is meant as one."""
        if bytes(self._kept[:_INDENTED]).lstrip()[:1] in _OPENING and len(self._kept) <= MOST_HEADER:
            return 0
        return max(len(self._kept) - len(START) + 1, 0)

    def _payload(self, size: int) -> bytes:
        """The bytes after a line, looked at as they come: one that waits for bytes nobody sends would wait for ever."""
        if size:
            self._until(min(size, _TENSORS_AT), size)
            inner = int.from_bytes(self._kept[:_TENSORS_AT], "little")
            if size < _TENSORS_AT or inner > min(size - _TENSORS_AT, MOST_HEADER):
                raise HarnessFault(f"what follows a header is not {size:,} bytes of safetensors")
            self._until(_TENSORS_AT + inner, size)
            needed = _TENSORS_AT + inner + _extent(bytes(self._kept[_TENSORS_AT : _TENSORS_AT + inner]))
            if needed != size:
                raise HarnessFault(f'"bytes" is {size:,}, and the tensors that follow take {needed:,}')
            self._until(size, size)
        payload = bytes(self._kept[:size])
        del self._kept[:size]
        return payload

    def _until(self, length: int, whole: int) -> None:
        while len(self._kept) < length:
            self._read(f"after {len(self._kept):,} of {whole:,} bytes of an answer")

    def _read(self, doing: str) -> None:
        data = self._more()
        if not data:
            raise EndOfFile(doing)
        self._kept += data


def _extent(header: bytes) -> int:
    """How many bytes the tensors of a safetensors header take."""
    try:
        told = parse_json(header)
        ends = [entry["data_offsets"][1] for name, entry in told.items() if name != "__metadata__"]
        return int(max(ends, default=0))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise HarnessFault(f"what follows a header is not safetensors: {type(error).__name__}: {error}") from error


def _demand_no_answer(beside: bytes) -> None:
    """Raises HarnessFault if a line that is no frame is meant as one: an object with `op`, or the line of one."""
    if not beside.endswith(b"\n") or (_FIELD.match(beside) is None and not _is_object_with_op(beside)):
        return
    raise HarnessFault(
        f"this looks like an answer; the line of a frame must begin with {START.decode()} and hold all of it "
        f"(docs/harness.md#frames): {_shown(beside.strip())}"
    )


def _is_object_with_op(line: bytes) -> bool:
    if not (line.lstrip().startswith(b"{") and b'"op"' in line):
        return False
    try:
        return "op" in parse_json(line)
    except ValueError:
        return False


def _shown(line: bytes) -> str:
    return shortened(line.decode(errors="replace"))
