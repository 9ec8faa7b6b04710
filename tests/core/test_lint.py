"""Numbers that hide mistakes are found, named, and accepted only with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.case.model import Case
from conformance.golden import lint
from conformance.golden.generate import check, generate
from conformance.golden.inputs import make_arrays
from conformance.golden.store import VectorStore

FINE: dict[str, Any] = {"id": "try/fine", "T": 6, "B": 3, "I": 4, "H": 5, "origin": {"file": "try.yaml", "line": 3}}

SAME = [[[gate + unit / 7 + feature for feature in range(4)] for unit in range(5)] for gate in range(4)]
"""A W without a leading axis: every row of weights gets the same."""


def found(**keys: Any) -> dict[str, str]:
    case = Case.model_validate(FINE | keys)
    return lint.findings(case, make_arrays(case))


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"direction": "bidirectional", "layers": 7, "lengths": [2, 6, 1]},
        {"peephole": True, "P": 7, "projection_bias": True},
        {"layer_norm": "basic-lstm-cell", "bias": False},
        {"T": 1, "B": 1, "I": 1, "H": 1},
        {"lengths": [2, 6, 1], "padding": float("nan")},
        {"B": 2, "lengths": [2, 6]},
    ],
)
def test_ordinary_cases_are_clean(keys: dict[str, Any]) -> None:
    assert found(**keys) == {}


@pytest.mark.parametrize(
    ("keys", "rule", "text"),
    [
        ({"weights": {"W": {"constant": 0.5}}}, "constant-weights", "every number of W.0"),
        ({"weights": {"R": {"values": [[[1.0, 2.0, 3.0, 4.0, 5.0]] * 5] * 4}}}, "equal-gates", "gates 0 and 1 of R.0"),
        ({"weights": {"b_r": {"constant": 0.0}}}, "zero-biases", "b_r.0 is zero"),
        ({"c0": {"constant": 0.0}}, "zero-states", "a row of c0 is zero"),
        ({"h0": None}, "zero-states", "h0 is absent"),
        (
            {"direction": "bidirectional", "weights": {"W": {"values": SAME}}},
            "equal-directions",
            "both directions of layer 0 have the same W",
        ),
        (
            {"layers": 2, "weights": {"b_w": {"values": [[g + n / 7 for n in range(5)] for g in range(4)]}}},
            "equal-layers",
            "layers 0 and 1 have the same b_w",
        ),
        ({"I": 5}, "coinciding-sizes", "I and H are both 5"),
        ({"P": 4}, "coinciding-sizes", "I and P are both 4"),
        ({"direction": "bidirectional", "layers": 2}, "coinciding-sizes", "D and L are both 2"),
        ({"lengths": [2, 6, 1], "padding": 0.0}, "harmless-padding", "padding of 0"),
        ({"skip": [[2], [], [1]], "padding": 1.0}, "harmless-padding", "padding of 1"),
        ({"lengths": [6, 4, 2]}, "sorted-lengths", "[6, 4, 2]"),
        ({"lengths": [4, 4, 4]}, "sorted-lengths", "[4, 4, 4]"),
    ],
)
def test_each_rule_finds_what_it_is_for(keys: dict[str, Any], rule: str, text: str) -> None:
    everything = found(**keys)
    assert list(everything) == [rule]
    assert text in everything[rule]


def test_every_rule_is_tested_above() -> None:
    rules = {parameters[1] for parameters in test_each_rule_finds_what_it_is_for.pytestmark[0].args[1]}
    assert rules == set(lint.RULES)


def test_a_finding_is_a_problem_that_names_the_way_out_and_a_reason_is_that_way() -> None:
    case = Case.model_validate(FINE | {"h0": None, "I": 5})
    lines = lint.problems(case, lint.findings(case, make_arrays(case)))
    assert lines[0].startswith("try.yaml:3: try/fine: zero-states: h0 is absent")
    assert "coinciding-sizes: I and H are both 5" in lines[1]
    assert "exempt: {zero-states: ...}" in lines[1]
    exempt = case.model_copy(update={"exempt": {"zero-states": "wanted", "coinciding-sizes": "wanted"}})
    assert lint.problems(exempt, lint.findings(exempt, make_arrays(exempt))) == []


def test_an_unknown_rule_is_a_problem() -> None:
    case = Case.model_validate(FINE | {"exempt": {"zero-state": "misspelt"}})
    (line,) = lint.problems(case, {})
    assert "no rule 'zero-state'" in line
    assert "zero-states" in line


def test_generation_and_check_report_findings_and_stale_exemptions(tmp_path: Path) -> None:
    cases = [
        Case.model_validate(FINE | {"id": "try/absent", "h0": None}),
        Case.model_validate(FINE | {"id": "try/stale", "exempt": {"sorted-lengths": "there were lengths once"}}),
        Case.model_validate(FINE | {"id": "try/needed", "c0": None, "exempt": {"zero-states": "wanted"}}),
    ]
    made = generate(cases, VectorStore(tmp_path), prune=True, jobs=1, report=lambda case, built: None)
    problems = [p for p in made.problems if "separat" not in p]  # so few cases cannot tell every mistake apart
    assert any("try/absent: zero-states" in p for p in problems)
    assert any("exempt: sorted-lengths: no case of this file needs it" in p for p in problems)
    assert len(problems) == 2
    checked = check(cases, VectorStore(tmp_path), whole=True, jobs=1, report=lambda case, built: None)
    assert [p for p in checked.problems if "separat" not in p] == problems
