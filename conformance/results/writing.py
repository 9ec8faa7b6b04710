"""Writes results files as the results arrive, so that an interrupted run keeps what it had.

If FILE already has results, they stay until the new run is finished; until then, the new ones are in FILE.unfinished,
which then replaces FILE.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from pydantic import BaseModel

from conformance.case.text import counted
from conformance.files import Claim, FileError, replace_claimed_file, writing
from conformance.results.reading import Results, read_results
from conformance.results.record import Footer, Header, Record, Shared

UNFINISHED: Final = ".unfinished"


class ResultsFile:
    """The results file of a run, which only this process may write; leaving the context calls `close`.

    Args:
        path: the file; nothing is written before `begin` or `go_on`.

    Attributes:
        place: where the results are until the run is finished.
        footer: its fields besides the number of results, as far as they are known.

    Raises:
        FileError: another process is writing the file, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._claim = Claim(path)
        self._target = self._claim.path
        self._unfinished = self._target.with_name(self._target.name + UNFINISHED)
        self.place = self._target if self._claim.empty else self._unfinished
        self._descriptor: int | None = None
        self._size = 0
        self._count = 0
        self.footer: dict[str, Any] = {}

    def left(self) -> Results | None:
        """The results that an earlier run left, or None.

        Raises:
            ConformanceError: it cannot be read, or is not a results file.
        """
        for path in (self._unfinished, self._target):
            if not path.exists() or not path.stat().st_size:
                continue
            found = read_results(path)
            if not found.complete or path == self._target:
                return found
            with writing(self._target):  # it was finished, but the process was killed before the renaming
                path.replace(self._target)
        return None

    def begin(self, header: Header) -> None:
        """Begin a new run.

        Raises:
            FileError: the file cannot be written; the old content is unharmed.
        """
        self._unfinished.unlink(missing_ok=True)  # of a run that was not resumed
        self._open()
        self._write("header", header)

    def go_on(self, found: Results) -> None:
        """Continue after the results of `left`; a partial last line, as a kill leaves it, is cut off.

        Raises:
            FileError: the file cannot be written.
        """
        self.place = found.path
        self._open(found.size)
        self._count = len(found.records)

    def add(self, record: Record) -> None:
        """Append one result, completely or not at all.

        Raises:
            FileError: the disk is full, or the system refuses; the earlier results are kept.
        """
        self._write("result", record)
        self._count += 1

    def close(self, *, complete: bool) -> None:
        """End the file. For a complete run it gets its footer and replaces the old file.

        Raises:
            FileError: it cannot be written; the old file is unharmed.
        """
        try:
            if self._descriptor is not None:
                self._end(self._descriptor, complete=complete)
        finally:
            self._claim.release()

    def _end(self, descriptor: int, *, complete: bool) -> None:
        try:
            if complete:
                self._write("footer", Footer(results=self._count, **self.footer))
                with writing(self.place):
                    os.fsync(descriptor)
                    _demand_there(self.place, descriptor)
        finally:
            os.close(descriptor)
        if self.place != self._target:
            with writing(self._target):
                if complete:
                    self.place.replace(self._target)
                elif not self._size:
                    self.place.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(complete=kind is None)

    def _open(self, size: int = 0) -> None:
        with writing(self.place):
            self._descriptor = os.open(self.place, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            os.ftruncate(self._descriptor, size)
            os.lseek(self._descriptor, size, os.SEEK_SET)
        self._size = size

    def _write(self, kind: str, content: BaseModel) -> None:
        assert self._descriptor is not None
        data = _line(kind, content)
        try:
            written = 0
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError as error:
            os.ftruncate(self._descriptor, self._size)  # removes a partly written line
            kept = f"; --resume goes on after the {counted(self._count, 'result')} that it has" if self._count else ""
            raise FileError(self.place, "written", f"{error.strerror}{kept}") from error
        self._size += len(data)


def _demand_there(path: Path, descriptor: int) -> None:
    """Raises ValueError if the file of this name is not the one that has been written."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(path.stat(), os.fstat(descriptor)):
            return
    raise ValueError("another program removed or replaced it during the run, and the results with it")


def write_results(
    path: Path, header: Header, records: Iterable[Record], *, complete: bool = True, shared: Iterable[Shared] = ()
) -> int:
    """Write a results file, completely or not at all; returns the number of results.

    Args:
        complete: whether the run was finished.
        shared: what failing cases have in common.

    Raises:
        FileError: a run is writing the file, or it cannot be written; the old content is unharmed.
    """
    lines = [_line("header", header), *(_line("result", record) for record in records)]
    count = len(lines) - 1
    if complete:
        lines.append(_line("footer", Footer(results=count, shared=tuple(shared))))
    with Claim(path):
        replace_claimed_file(path, b"".join(lines))
    return count


def _line(kind: str, content: BaseModel) -> bytes:
    fields = content.model_dump(mode="json", exclude_defaults=True)
    if isinstance(content, Header):
        fields["format"] = content.format  # written even though it is the default, because every reader needs it
    return (json.dumps({"kind": kind} | fields, allow_nan=False, ensure_ascii=False) + "\n").encode()
