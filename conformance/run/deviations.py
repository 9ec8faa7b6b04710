"""Known deviations: a framework's proven wrong answers, written down case by case, strictly.

    deviations/<adapter>.yaml
      - cases: [stack/*-f16]            # case ids, * and ? allowed
        outcome: failed                 # or errored, crashed, timed out
        reason: what is wrong, in a sentence
        repro: deviations/repro/x.py    # shows it without the suite
        mistake: some-id                # from the catalogue of mistakes, where one fits
        link: https://...               # where it was reported, if it was
        versions: {keras: "<3.16"}      # package -> the versions that are known to do so

A deviation that does not show is as unexpected as a failure nobody wrote down.
"""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import Any, Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion
from pydantic import Field, ValidationError, field_validator

from conformance.case.errors import SpecError
from conformance.case.located import LocatedDict, LocatedList, line_of, parse
from conformance.case.options import Frozen, Listed
from conformance.case.outcomes import Outcome, name_of


class Deviation(Frozen):
    """One entry of a deviations file."""

    cases: Listed[str] = Field(min_length=1)
    outcome: Literal["failed", "errored", "crashed", "timed out"] = "failed"
    reason: str = Field(min_length=1)
    repro: str | None = None
    mistake: str | None = None
    link: str | None = None
    versions: dict[str, str] = Field(min_length=1)
    where: str = ""

    @field_validator("versions")
    @classmethod
    def _specifiers(cls, versions: dict[str, str]) -> dict[str, str]:
        for package, text in versions.items():
            try:
                SpecifierSet(text)
            except InvalidSpecifier as error:
                raise ValueError(f"{package}: {text!r} is not a version range like '>=1.2,<2'") from error
        return versions

    def applies(self, case_id: str, versions: dict[str, str]) -> bool:
        """Whether the case is among those named and every package is of the versions named."""
        if not any(fnmatch.fnmatchcase(case_id, pattern) for pattern in self.cases):
            return False
        return all(package in versions and _lies_in(versions[package], text) for package, text in self.versions.items())

    def explains(self, outcome: Outcome) -> bool:
        """Whether this outcome is the one written down."""
        return name_of(outcome) == self.outcome


def load_deviations(folder: Path, adapter: str) -> list[Deviation]:
    """The known deviations of an adapter; none where it has no file.

    Raises:
        SpecError: with file, line, key and what is allowed.
    """
    path = folder / f"{adapter}.yaml"
    if not path.exists():
        return []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError([f"{path}:1: cannot be read: {error}"]) from error
    content = parse(text, str(path))
    if not isinstance(content, LocatedList):
        raise SpecError([f"{path}:1: a deviations file is a list"])
    found = []
    for entry, line in zip(content, content.lines, strict=True):
        if not isinstance(entry, LocatedDict):
            raise SpecError([f"{path}:{line}: a deviation is a mapping"])
        try:
            found.append(Deviation.model_validate(dict(entry) | {"where": f"{path}:{line}"}))
        except ValidationError as error:
            raise SpecError([_readable(problem, entry, path) for problem in error.errors()]) from error
    return found


def _readable(problem: Any, entry: LocatedDict, path: Path) -> str:
    line, key = line_of(entry, problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = f"unknown key; allowed: {', '.join(name for name in Deviation.model_fields if name != 'where')}"
    return f"{path}:{line}: {key or problem['loc'][-1]}: {message}"


def _lies_in(version: str, text: str) -> bool:
    try:
        return SpecifierSet(text).contains(version, prereleases=True)
    except InvalidVersion:  # a version no range can speak of
        return False


def find(deviations: list[Deviation], case_id: str, versions: dict[str, str]) -> Deviation | None:
    """The first deviation that applies to a case, if any."""
    return next((d for d in deviations if d.applies(case_id, versions)), None)
