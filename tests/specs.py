"""A small spec for tests, and what loading a changed one gives."""

from pathlib import Path

import pytest

from conformance.case.errors import SpecError
from conformance.case.load import load_spec
from conformance.case.model import Case

CASE = """\
family: fam
cases:
  - name: plain
    T: 4
    B: 2
    I: 3
    H: 5
"""
DEFAULTS = """\
family: fam
defaults:
  T: 4
  B: 2
  I: 3
  H: 5
  weights: {W: {constant: 1}, R: {constant: 2}}
  tolerance: {noise: 4, ulp: 2}
  x: {uniform: {low: 0, high: 1}}
  activations: {gate: relu, cell: relu}
  head: {O: 2, after: last_step}
cases:
  - name: a
"""


def written(text: str | bytes, name: str = "s.yaml") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def with_line(line: str) -> str:
    """CASE with one more key, on line 8."""
    return CASE + f"    {line}\n"


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load_spec(written(text))
    assert str(caught.value).splitlines() == caught.value.problems
    return caught.value.problems


def problem(text: str | bytes) -> str:
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


def cases(text: str) -> dict[str, Case]:
    return {case.id: case for case in load_spec(written(text))}
