"""Reads specs (YAML files, one per family) into `Case`s. Every problem names file, line, key and what is allowed.

family: lengths                 # the first half of every id
description: ...
defaults: {...}                 # keys of Case for every case of the file
cases:
  - name: unsorted              # the second half of the id
    vary:                       # a cross product; each choice adds to the id
      dtype: [float32, float64]
      states: {both: {}, h0-only: {c0: null}}   # label -> keys of Case
    T: 7
    ...
"""

from __future__ import annotations

import difflib
import functools
import itertools
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from conformance.case.dtypes import SHORT
from conformance.case.errors import SpecError
from conformance.case.files import SpecFolder
from conformance.case.kept import kept
from conformance.case.model import Case
from conformance.case.options import Frozen
from conformance.case.source import Source
from conformance.case.text import shortened
from conformance.case.yaml_lines import LocatedDict, LocatedList, line_of, merged, parse_file
from conformance.data import default_folders, displayed

SPEC_KEYS = ("family", "description", "source", "defaults", "cases")
FIELD_KEYS = tuple(name for name in Case.model_fields if name not in ("id", "origin"))
CASE_KEYS = ("name", "vary", *FIELD_KEYS)
MOST_VARIATIONS = 1000


def load_specs(folder: Path, families: Collection[str] | None = None) -> list[Case]:
    """All cases of all `*.yaml` files below a folder, in file and line order.

    Args:
        folder: of specs, or folders of them.
        families: of the suite's own specs, whose files are named after them, only these are read; None for all. Of
            another folder everything is read.

    Raises:
        SpecError: with every problem of every file.
    """
    files = sorted(folder.rglob("*.yaml"))
    if not files:
        raise SpecError([f"{folder}: no spec (*.yaml) here"])
    read: Callable[[Path], list[Case]] = load_spec
    if folder == default_folders().specs:
        read = functools.partial(_own, here=Path.cwd(), state=_state(folder))
        files = [file for file in files if families is None or file.stem in families]
    cases: list[Case] = []
    problems: list[str] = []
    for file in files:
        try:
            cases += read(file)
        except SpecError as error:
            problems += error.problems
    problems += duplicates(cases)
    if problems:
        raise SpecError(problems)
    return cases


def own_families(folder: Path) -> list[str]:
    """The families of the suite's own specs; none for any other folder, whose files may have any name."""
    return [file.stem for file in folder.rglob("*.yaml")] if folder == default_folders().specs else []


def _state(folder: Path) -> tuple[object, ...]:
    """What is different when a file below a folder has changed."""
    files = ((file, file.stat()) for file in sorted(folder.rglob("*")))
    return tuple((file, stat.st_mtime_ns, stat.st_size, stat.st_ino) for file, stat in files)


@functools.lru_cache(maxsize=256)
def _own(file: Path, here: Path, state: object) -> list[Case]:
    """The cases of one of the suite's own files. They are many: a process takes them once, from where they are kept.

    Read again if a file of the folder has changed, or the folder that their places are told from.
    """
    return kept(file, displayed(file), load_spec)


def load_spec(file: Path) -> list[Case]:
    """The cases of one spec file.

    Raises:
        SpecError: with every problem of the file.
    """
    shown = displayed(file)
    spec = parse_file(file, shown)
    problems = _outline_problems(spec, shown)
    if problems:
        raise SpecError(problems)
    cases: list[Case] = []
    for entry in spec["cases"]:
        told: set[str] = set()  # a problem that all variations of an entry share is reported once
        try:
            for line, fields in _variations(spec, entry, shown):
                try:
                    cases.append(_case(fields, shown, line, SpecFolder(file.parent)))
                except SpecError as error:
                    problems += [p for p in error.problems if p not in problems and _less(p, fields["id"]) not in told]
                    told |= {_less(p, fields["id"]) for p in error.problems}
        except SpecError as error:
            problems += [p for p in error.problems if p not in problems]
    problems += duplicates(cases)
    if problems:
        raise SpecError(problems)
    return cases


def _outline_problems(spec: Any, file: str) -> list[str]:
    """What is wrong with the outermost structure of the file."""
    if not isinstance(spec, LocatedDict):
        return [f"{file}:1: a spec is a mapping with the keys {', '.join(SPEC_KEYS)}"]
    problems = [_unknown(file, spec.lines[key], key, SPEC_KEYS) for key in spec if key not in SPEC_KEYS]
    family = spec.get("family")
    if not isinstance(family, str):
        problems.append(f"{file}:{spec.lines.get('family', 1)}: family: needs a name")
    defaults = spec.setdefault("defaults", LocatedDict(1))
    if not isinstance(defaults, LocatedDict):
        problems.append(f"{file}:{spec.lines['defaults']}: defaults: needs a mapping")
    elif "name" in defaults:
        problems.append(f"{file}:{defaults.lines['name']}: name: belongs in a case, not in defaults")
    cases = spec.get("cases")
    if not isinstance(cases, LocatedList) or not cases:
        problems.append(f"{file}:{spec.lines.get('cases', 1)}: cases: needs a list of at least one case")
        return problems
    for entry, line in zip(cases, cases.lines, strict=True):
        if not isinstance(entry, LocatedDict):
            problems.append(f"{file}:{line}: a case is a mapping")
        elif not isinstance(entry.get("name"), str):
            problems.append(f"{file}:{line}: name: every case needs one, as text")
    return problems


def _variations(spec: LocatedDict, entry: LocatedDict, file: str) -> Iterator[tuple[int, LocatedDict]]:
    """The fields of every case that an entry stands for, with the entry's line."""
    line = entry.line
    base = merged(spec["defaults"], entry)
    unknown = [_unknown(file, base.lines[key], key, CASE_KEYS) for key in base if key not in CASE_KEYS]
    if unknown:
        raise SpecError(unknown)
    axes = _axes(base.pop("vary", None), base.lines.get("vary", line), file)
    count = 1
    for _, choices in axes:
        count *= len(choices)
    if count > MOST_VARIATIONS:
        raise SpecError([f"{file}:{line}: vary: {count} cases from one entry; at most {MOST_VARIATIONS}"])
    name = base.pop("name")
    for chosen in itertools.product(*(choices for _, choices in axes)):
        fields = base
        for _, patch in chosen:
            unknown = [_unknown(file, patch.lines[key], key, FIELD_KEYS) for key in patch if key not in FIELD_KEYS]
            if unknown:
                raise SpecError(unknown)
            fields = merged(fields, patch)
        suffix = "".join(f"-{label}" for label, _ in chosen if label)
        fields = merged(fields, _setting("id", f"{spec['family']}/{name}{suffix}", line))
        for inherited in ("description", "source"):
            if inherited in spec and inherited not in fields:
                fields = merged(fields, _setting(inherited, spec[inherited], spec.lines[inherited]))
        yield line, fields


def _axes(vary: Any, line: int, file: str) -> list[tuple[str, list[tuple[str, LocatedDict]]]]:
    """Each axis of `vary`: its key, and the (label, keys to set) of its choices."""
    if vary is None:
        return []
    if not isinstance(vary, LocatedDict):
        raise SpecError([f"{file}:{line}: vary: needs a mapping from a key to its choices"])
    axes = []
    for key, choices in vary.items():
        at = vary.lines[key]
        if isinstance(choices, LocatedDict) and choices and all(isinstance(c, LocatedDict) for c in choices.values()):
            axes.append((key, list(choices.items())))
        elif isinstance(choices, LocatedList) and choices:
            placed = zip(choices, choices.lines, strict=True)
            axes.append((key, [(_label(key, choice), _setting(key, choice, line)) for choice, line in placed]))
        else:
            raise SpecError(
                [f"{file}:{at}: vary.{shortened(key)}: needs a list of values, or a mapping label: {{keys to set}}"]
            )
    return axes


def _label(key: str, choice: Any) -> str:
    if key == "dtype":
        return SHORT.get(str(choice), str(choice))
    label = f"{key}{choice}" if isinstance(choice, (int, float)) else str(choice)
    return label.lower().replace("_", "-")


def _setting(key: str, choice: Any, line: int) -> LocatedDict:
    setting = LocatedDict(line)
    setting[key] = choice
    setting.lines[key] = line
    return setting


def _case(fields: LocatedDict, file: str, line: int, folder: SpecFolder) -> Case:
    try:
        return Case.model_validate(dict(fields) | {"origin": {"file": file, "line": line}}, context=folder)
    except ValidationError as error:
        raise SpecError([_readable(problem, fields, file) for problem in error.errors()]) from error


def _readable(problem: Any, fields: LocatedDict, file: str) -> str:
    """A pydantic problem as one line: file, line, key, what is wrong and what is allowed."""
    line, path = line_of(fields, problem["loc"])
    where = f"{file}:{line}: "
    last = str(problem["loc"][-1]) if problem["loc"] else ""
    if problem["type"] == "extra_forbidden":
        return where + f"{path}: unknown key" + _close(last, _keys_near(problem["loc"]))
    if problem["type"] == "missing":
        return where + f"{'.'.join(str(part) for part in problem['loc'])}: is needed"
    message: str = problem["msg"].removeprefix("Value error, ")
    value = problem["input"]
    if (isinstance(value, (str, int, float)) and not isinstance(value, bool)) or value is None:
        message += f" (got {shortened(repr(value))})"
    return where + (f"{path}: " if path else f"{shortened(fields['id'])}: ") + message


def _keys_near(loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """The keys allowed in place of an unknown one: those of the model that the path leads to."""
    model: Any = Case
    for part in loc[:-1]:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        if field is None:
            continue
        members = [field.annotation, *getattr(field.annotation, "__args__", ())]
        models = [m for m in members if isinstance(m, type) and issubclass(m, Frozen)]
        model = models[0] if models else Source
    return tuple(model.model_fields)


def _unknown(file: str, line: int, key: str, allowed: tuple[str, ...]) -> str:
    return f"{file}:{line}: {shortened(key)}: unknown key" + _close(key, allowed)


def _close(key: str, allowed: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(key, allowed, 1)
    return (f"; did you mean {near[0]!r}? allowed: " if near else "; allowed: ") + ", ".join(allowed)


def duplicates(cases: list[Case]) -> list[str]:
    """One line for every case whose id an earlier case already has."""
    first: dict[str, Case] = {}
    problems = []
    for case in cases:
        if case.id in first and first[case.id] is not case:
            problems.append(f"{case.origin}: the id {case.id} is already taken by {first[case.id].origin}")
        first.setdefault(case.id, case)
    return problems


def _less(problem: str, case_id: str) -> str:
    return problem.replace(case_id, "")
