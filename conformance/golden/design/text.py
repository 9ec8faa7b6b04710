"""The spec of a family of the design, as text that a person can read: a case in a few lines, its row in words."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from conformance.case.model import Case
from conformance.golden import lint
from conformance.golden.design.draw import Family
from conformance.golden.design.rows import keys_of, seed_of
from conformance.golden.design.sizes import storable
from conformance.golden.inputs import make_arrays

WIDTH = 120
_WRITTEN = "# Written by `conformance design`, which docs/design-of-cases.md describes: not to be changed by hand."
_WHY = "the design combines all levels of a factor with all of another's"


def spec_of(family: Family) -> str:
    """The text of a family's file."""
    entries = [(case, keys_of(row) | {"seed": seed_of(row)}) for row, case in family.shipped]
    return document(_WRITTEN, family.name, family.description, entries)


def document(first: str, family: str, description: str, entries: Sequence[tuple[Case, Mapping[str, Any]]]) -> str:
    """The text of a spec.

    Args:
        first: its first line, a comment. entries: the cases, each with its keys other than name and description.
    """
    stored = [case for case, _ in entries if storable(case)]  # lint is about these
    exempt = sorted({rule for case in stored for rule in lint.findings(case, make_arrays(case))})
    lines = [
        first,
        f"family: {family}",
        "description: >-",
        *textwrap.wrap(description, WIDTH - 2, initial_indent="  ", subsequent_indent="  "),
        "defaults:",
        "  remade: true",
        *(["  exempt:"] if exempt else []),
        *(f"    {rule}: {_WHY}" for rule in exempt),
        "cases:",
    ]
    for case, keys in entries:
        lines += _entry(case, keys)
    return "\n".join(lines) + "\n"


class _Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice, instead of a reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _entry(case: Case, keys: Mapping[str, Any]) -> list[str]:
    """A case as a flow mapping in lines of at most WIDTH characters."""
    demand = {} if storable(case) else {"on_demand": True}
    entry = {"name": case.id.partition("/")[2], "description": case.description, **keys, **demand}
    flow = yaml.dump(entry, Dumper=_Dumper, default_flow_style=True, sort_keys=False, width=WIDTH - 6)
    return [("  - " if n == 0 else "    ") + line for n, line in enumerate(flow.rstrip("\n").split("\n"))]
