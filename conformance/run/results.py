"""Results files: written as the results come, so that an interrupted run leaves what it had, and read again."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ValidationError

from conformance.case.errors import ConformanceError
from conformance.run.record import FORMAT, Footer, Header, Record

_M = TypeVar("_M", bound=BaseModel)


@dataclass(frozen=True)
class Results:
    """What a results file says. complete: the run came to its end. size: bytes up to the last whole line.

    footer: None where the run was interrupted.
    """

    path: Path
    header: Header
    records: tuple[Record, ...]
    complete: bool
    size: int
    footer: Footer | None = None


class ResultsFile:
    """A results file being written; as a context manager it ends with a footer, unless an exception leaves it.

    Attributes:
        times: what a footer says beside the number of results, as far as it is known.
    """

    def __init__(self, path: Path, header: Header) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8")
        self._count = 0
        self.times: dict[str, Any] = {}
        self._write("header", header)

    @classmethod
    def resumed(cls, found: Results) -> Self:
        """The file of an interrupted run, to be written on."""
        file = cls.__new__(cls)
        os.truncate(found.path, found.size)  # half a line, where a kill came in the middle of one
        file._file = found.path.open("a", encoding="utf-8")
        file._count = len(found.records)
        file.times = {}
        return file

    def add(self, record: Record) -> None:
        """Append one result and flush it."""
        self._count += 1
        self._write("result", record)

    def close(self, *, complete: bool) -> None:
        """End the file; only a complete run's has a footer."""
        if complete:
            self._write("footer", Footer(results=self._count, **self.times))
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(complete=kind is None)

    def _write(self, kind: str, content: BaseModel) -> None:
        fields = content.model_dump(mode="json", exclude_defaults=True)
        if isinstance(content, Header):
            fields["format"] = content.format  # a default that every reader has to see
        self._file.write(json.dumps({"kind": kind} | fields, allow_nan=False, ensure_ascii=False) + "\n")
        self._file.flush()


def read_results(path: Path) -> Results:
    """The content of a results file; one that was cut short has `complete` False, and loses half a last line.

    Raises:
        ConformanceError: it cannot be read, is no results file, or of another format.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConformanceError(f"{path}: cannot be read: {error.strerror}") from error
    whole, _, half = data.rpartition(b"\n")
    lines = whole.split(b"\n") if whole else []
    header: Header | None = None
    records: list[Record] = []
    footer: Footer | None = None
    for number, text in enumerate(lines, 1):
        line = _parsed(path, number, text)
        match line.pop("kind", None):
            case "header" if number == 1:
                header = _header(path, line)
            case "result" if header is not None and footer is None:
                records.append(_model(path, number, Record, line))
            case "footer" if header is not None and footer is None:
                footer = _model(path, number, Footer, line)
            case kind:
                raise ConformanceError(f"{path}:{number}: {_misplaced(kind)}")
    if header is None:
        raise ConformanceError(f"{path}: no results file: it does not begin with a header")
    complete = not half and footer is not None and footer.results == len(records)
    if footer is not None and not complete:
        raise ConformanceError(f"{path}: damaged: its footer promises {footer.results} results, it has {len(records)}")
    return Results(path, header, tuple(records), complete, len(data) - len(half), footer)


def demand_complete(results: Results) -> Results:
    """The results themselves.

    Raises:
        ConformanceError: the run was interrupted.
    """
    if not results.complete:
        raise ConformanceError(
            f"{results.path}: the run was interrupted after {len(results.records)} results; "
            "finish it with the same conformance run and --resume"
        )
    return results


def _parsed(path: Path, number: int, text: bytes) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError as error:
        raise ConformanceError(f"{path}:{number}: not a line of a results file: {error}") from error
    if not isinstance(line, dict):
        raise ConformanceError(f"{path}:{number}: not a line of a results file: no object")
    return line


def _header(path: Path, line: dict[str, Any]) -> Header:
    if line.get("format", 1) != FORMAT:
        raise ConformanceError(
            f"{path}: results of format {line.get('format', 1)}; this suite reads format {FORMAT}: run it again"
        )
    return _model(path, 1, Header, line)


def _model(path: Path, number: int, model: type[_M], line: dict[str, Any]) -> _M:
    try:
        return model.model_validate(line)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        raise ConformanceError(f"{path}:{number}: {key}: {problem['msg']}") from error


def _misplaced(kind: object) -> str:
    if kind in ("header", "result", "footer"):
        return f"a {kind} where none can be; a results file is a header, results, a footer"
    return f"no kind of line of a results file: {kind!r}; allowed: header, result, footer"
