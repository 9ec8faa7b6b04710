"""Selects the cases that a command line names."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from conformance.case.errors import ConformanceError
from conformance.case.load import load_specs, own_families
from conformance.case.model import Case
from conformance.case.shards import parsed, shard_of
from conformance.case.text import shortened

_WILD = re.compile(r"[*?[]")


def select_cases(specs: Path, patterns: Sequence[str], *, shipped: bool = False) -> list[Case]:
    """The cases below a folder that patterns choose (`matching`); without patterns, all of them.

    shipped: without those whose vectors are made on demand.

    Raises:
        SpecError: a spec is wrong.
        ConformanceError: a pattern matches nothing, or none is left.
    """
    cases = load_specs(specs, _families(own_families(specs), patterns))
    chosen = matching(cases, patterns) if patterns else cases
    if not shipped:
        return chosen
    if not (found := [case for case in chosen if not case.on_demand]):
        raise ConformanceError("the golden values of all these cases are made on demand: leave out --shipped")
    return found


def _families(every: Collection[str], patterns: Sequence[str]) -> set[str] | None:
    """Those families that patterns can choose from; None if that may be any of them, or a pattern names none."""
    if not patterns or patterns[0].startswith("!"):
        return None
    chosen: set[str] = set()
    for pattern in patterns:
        family, slash, _ = pattern.removeprefix("!").partition("/")
        named = fnmatch.filter(every, family) if slash and "[" not in family else []
        if not named:
            return None
        chosen |= set(named)
    return chosen


def matching(cases: Sequence[Case], patterns: Sequence[str]) -> list[Case]:
    """The cases that patterns choose, one after the other: those whose id matches, in the order of the patterns.

    `!PATTERN` takes away, from those chosen so far or, as the first, from all.

    Raises:
        ConformanceError: a pattern matches nothing, or none is left.
    """
    every = {case.id: case for case in cases}
    chosen = every.copy() if patterns[0].startswith("!") else {}
    for pattern in patterns:
        ids = pattern.removeprefix("!")
        # A name in full, of which a script may give hundreds, is looked up.
        wild = _WILD.search(ids)
        names = [name for name in every if fnmatch.fnmatchcase(name, ids)] if wild else every.keys() & {ids}
        found = {name: every[name] for name in names}
        if not found:
            raise ConformanceError(f"no case matches '{shortened(ids)}'{_near(ids, every)}")
        if ids == pattern:
            chosen |= found
        else:
            chosen = {case_id: case for case_id, case in chosen.items() if case_id not in found}
    if not chosen:
        raise ConformanceError(f"no case is left of those that match {' '.join(map(shortened, patterns))}")
    return list(chosen.values())


def shard(cases: Sequence[Case], which: str) -> list[Case]:
    """The k-th of n parts of the cases, `k/n`. The part of a case does not depend on which other cases there are.

    Raises:
        ConformanceError: not of the form k/n with 1 <= k <= n.
    """
    try:
        k, n = parsed(which)
    except ValueError as error:
        raise ConformanceError(str(error)) from error
    return [case for case in cases if shard_of(case.id, n) == k]


def _near(pattern: str, ids: Iterable[str]) -> str:
    near = difflib.get_close_matches(pattern, list(ids), 3, 0.5)
    return f"; near it: {', '.join(near)}" if near else "; see: conformance list"
