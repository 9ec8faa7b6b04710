"""Known deviations: a framework's proven wrong answers, written down case by case, strictly.

    deviations/<adapter>.yaml
      - cases: [stack/*-f16]            # case ids, * and ? allowed
        outcome: failed                 # or errored, crashed, timed out
        reason: what is wrong, in a sentence
        repro: deviations/repro/x.py    # shows it without the suite
        mistake: some-id                # what the diagnosis has to find; from the catalogue, docs/mistakes.md
        link: https://...               # where it was reported, if it was
        precision: bfloat16             # only where the answer is judged at this precision
        settings: {torch.bf16: on}      # only where the adapter reports these: what depends on a processor
        versions: {keras: "<3.16"}      # package -> the versions that are known to do so

      - same_as: other-adapter          # all that is written down of another adapter holds for this one, too

A deviation that does not show is as unexpected as a failure nobody wrote down, and so is another mistake than the one
that is. Where one of the mistakes is an approximation, or all are a coarser precision, the digits are the framework's
own and need not be those of the catalogue; it is enough that no other mistake explains them.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, ValidationInfo, field_validator

from conformance.case.dtypes import Precision
from conformance.case.errors import SpecError
from conformance.case.options import Frozen, Listed
from conformance.case.outcomes import OUTCOMES, Failed, Outcome
from conformance.case.text import shortened
from conformance.case.yaml_lines import LocatedDict, LocatedList, line_of, parse_file
from conformance.data import displayed


def _wrong(name: str) -> str:
    names = [each for each, outcome in OUTCOMES.items() if outcome.wrong]
    if name not in names:
        raise ValueError(f"needs one of {', '.join(names)}")
    return name


_NO_SETTINGS: Mapping[str, str] = {}


class Deviation(Frozen):
    """One entry of a deviations file."""

    cases: Listed[str] = Field(min_length=1)
    outcome: Annotated[str, AfterValidator(_wrong)] = Failed.name
    reason: str = Field(min_length=1)
    repro: str | None = None
    mistake: Annotated[Listed[str], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)] = ()
    link: str | None = None
    precision: Precision | None = None
    settings: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, str] = Field(min_length=1)
    where: str = ""

    @field_validator("versions")
    @classmethod
    def _specifiers(cls, versions: dict[str, str]) -> dict[str, str]:
        from packaging.specifiers import InvalidSpecifier, SpecifierSet  # here: of no use to whom deviates in nothing

        for package, text in versions.items():
            try:
                SpecifierSet(text)
            except InvalidSpecifier as error:
                raise ValueError(f"{package}: {text!r} is not a version range like '>=1.2,<2'") from error
        return versions

    @field_validator("mistake")
    @classmethod
    def _in_the_catalogue(cls, mistakes: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not mistakes or info.data.get("outcome") != Failed.name:
            return mistakes  # what was not computed to its end is in no catalogue; the word is for the reader
        # The whole catalogue, of no use to whom deviates in nothing.
        from conformance.lstm.mistakes import BY_ID, unknown

        for mistake in mistakes:
            if mistake not in BY_ID:
                raise ValueError(unknown(mistake))
        return mistakes

    def applies(
        self, case_id: str, versions: dict[str, str], precision: str | None, settings: Mapping[str, str] = _NO_SETTINGS
    ) -> bool:
        """Whether the case, the version of every package, the precision and the settings are among those named.

        Args:
            case_id: of the case.
            versions: of the packages that compute.
            precision: that at which the answer is judged; None if there is no answer.
            settings: that the adapter reports.
        """
        named = any(fnmatch.fnmatchcase(case_id, pattern) for pattern in self.cases)
        there = self.settings.items() <= settings.items()
        return named and there and self.precision in (None, precision) and self.holds_for(versions)

    def holds_for(self, versions: dict[str, str]) -> bool:
        """Whether every package is of the versions named."""
        return all(package in versions and _lies_in(versions[package], text) for package, text in self.versions.items())

    def explains(self, outcome: Outcome) -> bool:
        """Whether this outcome is the one written down, the mistake too."""
        return outcome.name == self.outcome and not self.is_another(outcome)

    def is_another(self, outcome: Outcome) -> bool:
        """Whether the outcome is a failure, as written down, but by another mistake."""
        if not isinstance(outcome, Failed) or self.outcome != Failed.name or not self.mistake:
            return False
        if outcome.suspects is None:  # nothing that a mistake could be told by
            return False
        if any(set(suspect.mistakes) == set(self.mistake) for suspect in outcome.suspects):
            return False
        from conformance.lstm.mistakes import BY_ID

        written = [BY_ID[mistake] for mistake in self.mistake]
        own_digits = any(m.approximate for m in written) or all(m.precision is not None for m in written)
        return not own_digits or any(suspect.how == "reproduces" for suspect in outcome.suspects)


def load_deviations(folder: Path, adapter: str) -> list[Deviation]:
    """The known deviations of an adapter; none where it has no file.

    Raises:
        SpecError: with file, line, key and what is allowed.
    """
    return _loaded(folder, (adapter,)) if _path(folder, adapter).exists() else []


_SAME_AS = "same_as"
_NAME = re.compile(r"[\w.-]+", re.ASCII)


def _path(folder: Path, adapter: str) -> Path:
    return folder / f"{adapter}.yaml"


def _loaded(folder: Path, route: tuple[str, ...]) -> list[Deviation]:
    """Those of the last adapter of a route; each adapter on it has the same as the next."""
    path = _path(folder, route[-1])
    name = displayed(path)
    content = parse_file(path, name)
    if not isinstance(content, LocatedList):
        raise SpecError([f"{name}:1: a deviations file is a list"])
    found: list[Deviation] = []
    for entry, line in zip(content, content.lines, strict=True):
        if not isinstance(entry, LocatedDict):
            raise SpecError([f"{name}:{line}: a deviation is a mapping"])
        if _SAME_AS in entry:
            found += _loaded(folder, (*route, _other(entry, folder, route, f"{name}:{line}")))
            continue
        try:
            found.append(Deviation.model_validate(dict(entry) | {"where": f"{name}:{line}"}))
        except ValidationError as error:
            raise SpecError([_readable(problem, entry, name) for problem in error.errors()]) from error
    return found


def _other(entry: LocatedDict, folder: Path, route: tuple[str, ...], where: str) -> str:
    """The adapter that an entry refers to."""
    other = entry[_SAME_AS]
    if len(entry) > 1:
        raise SpecError([f"{where}: {_SAME_AS}: stands alone; what differs is an entry of its own before it"])
    if not isinstance(other, str) or not _NAME.fullmatch(other):
        raise SpecError([f"{where}: {_SAME_AS}: names one other adapter, like {_SAME_AS}: torch"])
    if not _path(folder, other).exists():
        raise SpecError([f"{where}: {_SAME_AS}: no file {other}.yaml beside this one"])
    if other in route:
        raise SpecError([f"{where}: {_SAME_AS}: leads back to itself: {' -> '.join((*route, other))}"])
    return other


def _readable(problem: Any, entry: LocatedDict, name: str) -> str:
    line, key = line_of(entry, problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = f"unknown key; allowed: {', '.join(name for name in Deviation.model_fields if name != 'where')}"
    return f"{name}:{line}: {key or problem['loc'][-1]}: {message}"


def load_all(folder: Path) -> dict[str, list[Deviation]]:
    """The known deviations of every file of a folder, by the name of the adapter. Raises as above."""
    return {path.stem: _loaded(folder, (path.stem,)) for path in sorted(folder.glob("*.yaml"))}


def unread(folder: Path, adapters: Collection[str]) -> list[str]:
    """A warning for each file of a folder of deviations that is not an adapter's.

    Args:
        folder: that of `load_deviations`.
        adapters: the names of all that there are.
    """
    found = []
    for path in sorted(folder.iterdir()):
        name = displayed(path)
        if not path.is_file():
            continue
        if path.suffix == ".yaml" and path.stem not in adapters:
            near = difflib.get_close_matches(path.stem, adapters, 1)
            hint = f"did you mean {near[0]}.yaml?" if near else "they are listed by: conformance doctor"
            found.append(f"{name}:1: is not read, for no adapter is called {shortened(path.stem)}; {hint}")
        elif path.suffix != ".yaml" and (path.stem in adapters or path.suffix.lower() in (".yml", ".yaml")):
            found.append(f"{name}:1: is not read, for its name does not end in .yaml")
    return found


def idle(
    deviations: Iterable[Deviation], adapter: str, versions: Collection[str], cases: Collection[str] | None
) -> list[str]:
    """A warning for each part of an adapter's deviations that can have no effect.

    Args:
        deviations: those of the adapter.
        adapter: its label, for the text.
        versions: the packages that it reports.
        cases: the ids of all cases there are; None if that is not known.
    """
    found = []
    for each in deviations:
        for pattern in each.cases:
            if cases is not None and not any(fnmatch.fnmatchcase(case, pattern) for case in cases):
                near = difflib.get_close_matches(pattern, cases, 1, 0.5)
                hint = f"near it: {near[0]}" if near else "they are listed by: conformance list"
                found.append(f"{each.where}: cases: {shortened(pattern)} fits no case; {hint}")
        for package in each.versions:
            if package not in versions:
                reported = f"it reports {', '.join(versions)}" if versions else "it reports none"
                found.append(f"{each.where}: versions: {adapter} reports no {shortened(package)}; {reported}")
    return found


def _lies_in(version: str, text: str) -> bool:
    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion

    try:
        return SpecifierSet(text).contains(version, prereleases=True)
    except InvalidVersion:  # a version no range can speak of
        return False


def find(
    deviations: list[Deviation],
    case_id: str,
    versions: dict[str, str],
    precision: str | None = None,
    settings: Mapping[str, str] = _NO_SETTINGS,
) -> Deviation | None:
    """The first deviation that applies to a case, if any; the arguments are those of `Deviation.applies`."""
    return next((d for d in deviations if d.applies(case_id, versions, precision, settings)), None)
