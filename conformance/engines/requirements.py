"""The requirements of the suite and of its extras, from the metadata of the installed package."""

from __future__ import annotations

import importlib.metadata
from typing import Final

from packaging.requirements import Requirement

DISTRIBUTION: Final = "lstm-conformance"


def own() -> list[Requirement]:
    """The requirements of the suite itself."""
    return [requirement for requirement in _every() if requirement.marker is None]


def extras() -> list[str]:
    """The names of all extras."""
    return importlib.metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []


def of_extra(extra: str) -> list[Requirement]:
    """The requirements of an extra. One of the suite's other extras counts as what it stands for."""
    found = []
    for requirement in _every():
        if requirement.marker is None or not requirement.marker.evaluate({"extra": extra}):
            continue
        if requirement.name == DISTRIBUTION:
            found += [inner for other in sorted(requirement.extras) for inner in of_extra(other)]
        else:
            found.append(requirement)
    return found


def bare(requirement: Requirement) -> str:
    """A requirement as pip takes it, without its marker."""
    wanted = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{wanted}{requirement.specifier}"


def _every() -> list[Requirement]:
    return [Requirement(text) for text in importlib.metadata.requires(DISTRIBUTION) or ()]
