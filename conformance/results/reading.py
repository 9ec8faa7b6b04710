"""Reads results files. Every line is checked, including that it belongs to the run in the header."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from conformance.case.errors import ConformanceError
from conformance.case.shards import parsed, shard_of
from conformance.case.text import counted
from conformance.files import MEBIBYTE, parse_json, read_file
from conformance.results.record import FORMAT, Footer, Header, Record

MOST_BYTES: Final = 512 * MEBIBYTE
"""Most bytes in a results file."""
_M = TypeVar("_M", bound=BaseModel)


@dataclass(frozen=True)
class Results:
    """The content of a results file. complete: the run was finished. size: bytes up to the last complete line.

    footer: None if the run was interrupted.
    """

    path: Path
    header: Header
    records: tuple[Record, ...]
    complete: bool
    size: int
    footer: Footer | None = None


def read_results(path: Path) -> Results:
    """The content of a results file; of an interrupted run, `complete` is False and a partial last line is dropped.

    Raises:
        ConformanceError: it cannot be read, is not a results file, or has another format.
    """
    data = read_file(path, MOST_BYTES)
    whole, _, half = data.rpartition(b"\n")
    lines = whole.split(b"\n") if whole else []
    header: Header | None = None
    records: list[Record] = []
    footer: Footer | None = None
    first: dict[tuple[str, str], int] = {}
    for number, text in enumerate(lines, 1):
        line = _parsed(path, number, text)
        match line.pop("kind", None):
            case "header" if number == 1:
                header = _header(path, line)
            case "result" if header is not None and footer is None:
                record = _model(path, number, Record, line)
                _demand_own(path, number, header, record, first)
                records.append(record)
            case "footer" if header is not None and footer is None:
                footer = _model(path, number, Footer, line)
            case kind:
                raise ConformanceError(f"{path}:{number}: {_misplaced(kind)}")
    if header is None:
        raise ConformanceError(f"{path}: not a results file: it does not begin with a header")
    complete = not half and footer is not None and footer.results == len(records)
    if footer is not None and not complete:
        raise ConformanceError(
            f"{path}: damaged: its footer promises {counted(footer.results, 'result')}, it has {len(records)}"
        )
    return Results(path, header, tuple(records), complete, len(data) - len(half), footer)


def demand_complete(results: Results) -> Results:
    """The results themselves.

    Raises:
        ConformanceError: the run was interrupted.
    """
    if not results.complete:
        raise ConformanceError(
            f"{results.path}: the run was interrupted after {counted(len(results.records), 'result')}; "
            "finish it with the same conformance run and --resume"
        )
    return results


def demand_whole(results: Results) -> Results:
    """The results themselves.

    Raises:
        ConformanceError: the run was interrupted, or is only one shard of several.
    """
    demand_complete(results)
    if results.header.shard is not None and parsed(results.header.shard) != (1, 1):
        raise ConformanceError(
            f"{results.path}: only shard {results.header.shard} of a run; put them together: conformance merge"
        )
    return results


def _demand_own(path: Path, number: int, header: Header, record: Record, first: dict[tuple[str, str], int]) -> None:
    """Refuse a result that is not of this run. first: the line of each adapter's result for each case."""
    if record.adapter not in header.adapters:
        raise ConformanceError(
            f"{path}:{number}: adapter: {record.adapter} is not one of the header's: {', '.join(header.adapters)}"
        )
    there = first.setdefault((record.adapter, record.case), number)
    if there != number:
        raise ConformanceError(f"{path}:{number}: {record.case} with {record.adapter} is already on line {there}")
    if header.shard is not None:
        k, n = parsed(header.shard)
        if (own := shard_of(record.case, n)) != k:
            raise ConformanceError(f"{path}:{number}: case: {record.case} is of shard {own}/{n}, the file of {k}/{n}")


def _parsed(path: Path, number: int, text: bytes) -> dict[str, Any]:
    try:
        line = parse_json(text)
    except ValueError as error:
        raise ConformanceError(f"{path}:{number}: not a line of a results file: {error}") from error
    if not isinstance(line, dict):
        raise ConformanceError(f"{path}:{number}: not a line of a results file: not an object")
    return line


def _header(path: Path, line: dict[str, Any]) -> Header:
    if line.get("format", 1) != FORMAT:
        raise ConformanceError(
            f"{path}: results of format {line.get('format', 1)!r:.40}; this suite reads format {FORMAT}: run it again"
        )
    return _model(path, 1, Header, line)


def _model(path: Path, number: int, model: type[_M], line: dict[str, Any]) -> _M:
    try:
        return model.model_validate(line)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        raise ConformanceError(f"{path}:{number}: {key}: {problem['msg'].removeprefix('Value error, ')}") from error


def _misplaced(kind: object) -> str:
    if kind in ("header", "result", "footer"):
        return f"a {kind} is not allowed here; a results file is a header, results, a footer"
    return f"not a kind of line of a results file: {kind!r:.40}; allowed: header, result, footer"
