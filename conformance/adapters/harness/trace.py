"""A transcript of the conversations with harnesses, for their authors: JSON lines, without all the numbers."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Final

from conformance.adapters.harness.frames import Frame
from conformance.case.tensors import from_bytes
from conformance.case.text import shortened, visible_data
from conformance.files import MEBIBYTE

MOST_BYTES: Final = 64 * MEBIBYTE
"""A transcript ends at this size."""
_NUMBERS: Final = 4
_NOISE: Final = 500
_into: Path | None = None


def into(path: Path | None) -> None:
    """Have each conversation of this process that begins from now on written to the end of a file; None: no more."""
    global _into  # noqa: PLW0603  # like the log of a worker, one for the process
    _into = path


class Trace:
    """The transcript of one conversation. label: what the harness calls itself.

    Several processes may write to one file: a line is written at once.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._began = time.monotonic()
        self._file = None if _into is None else os.open(_into, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def frame(self, sender: str, frame: Frame) -> None:
        """A frame. sender: `suite` or `harness`."""
        if self._file is not None:
            tensors = {"tensors": _described(frame.payload)} if frame.payload else {}
            self._write({"from": sender, "frame": frame.header} | tensors)

    def noise(self, data: bytes) -> None:
        """What the harness printed beside its frames."""
        if self._file is not None:
            self._write({"from": "harness", "noise": shortened(data.decode(errors="replace"), _NOISE)})

    def end(self, how: str) -> None:
        """The end of the conversation."""
        if self._file is not None:
            self._write({"from": "suite", "end": how})
            os.close(self._file)
            self._file = None

    def _write(self, told: dict[str, Any]) -> None:
        assert self._file is not None
        left = MOST_BYTES - os.fstat(self._file).st_size
        if left <= 0:
            return
        line = {"seconds": round(time.monotonic() - self._began, 6), "harness": self._label} | told
        os.write(self._file, json.dumps(visible_data(line)).encode() + b"\n")


def _described(payload: bytes) -> Any:
    try:
        tensors = from_bytes(payload)
    except Exception as error:  # what a harness sent may be anything
        return f"cannot be read: {type(error).__name__}: {error}"
    return {
        name: {
            "dtype": str(array.dtype),
            "shape": list(array.shape),
            "begins": [repr(number) for number in array.reshape(-1)[:_NUMBERS].tolist()],
        }
        for name, array in tensors.items()
    }
