"""The design of cases: every row is a case, its words are true, and what an interface lacks is found."""

from random import Random

import numpy as np
import pytest

from conformance.adapters import registry
from conformance.case.load import load_specs
from conformance.golden.design import choosing
from conformance.golden.design.arrays import Open, levels
from conformance.golden.design.factors import OPTIONS
from conformance.golden.design.fitness import unfit
from conformance.golden.design.rows import case_of, completed, keys_of, row_of, words
from conformance.golden.design.rules import RULES
from conformance.golden.design.survivors import cases_for, spec_of
from conformance.golden.inputs import make_arrays
from conformance.golden.sampling import Drawn, shown_by
from conformance.lstm.gradients import reference_of
from conformance.lstm.mistakes.grammar import sampled


def any_row(random):
    row = None
    while row is None:
        row = completed({}, levels(), random, lambda row, name, known: known)
    return row


def test_every_row_that_keeps_to_the_rules_is_a_case():
    random = Random(3)
    for _ in range(200):
        row = any_row(random)
        assert all(rule.holds(row) for rule in RULES)
        assert case_of(row) is not None, words(row)


def test_the_words_of_a_row_give_the_row_and_its_case_again():
    random = Random(4)
    for _ in range(100):
        row = any_row(random)
        assert row_of(words(row)) == row
        assert keys_of(row_of(words(row))) == keys_of(row)
    with pytest.raises(ValueError, match="'nothing' in 'T=1 B=1 I=1 H=1, nothing' is not a level"):
        row_of("T=1 B=1 I=1 H=1, nothing")


def test_what_rows_cover_is_counted():
    factors = {"direction": ["forward", "reverse"], "bias": ["biases", "no bias"], "T": [1, 2]}
    left = Open(factors, triples=False)
    for direction, bias, T in [("forward", "biases", 1), ("forward", "no bias", 2), ("reverse", "biases", 2)]:
        left.take({"direction": direction, "bias": bias, "T": T})
    assert left.next() is not None
    row = {"direction": "reverse", "bias": "no bias", "T": 1}
    assert left.new(row) == 2 * 3
    left.take(row)
    assert left.next() is None


def test_a_bound_that_hides_everything_makes_a_case_unfit():
    row = row_of("T=3 B=2 I=3 H=8, peepholes, cell clip")
    assert unfit(case_of(row)) is None
    bounded = case_of(row).model_copy(update={"cell_clip": 1e-3})
    assert "one magnitude" in unfit(bounded)


@pytest.mark.slow
def test_an_interface_gets_every_pair_of_its_options(monkeypatch):
    monkeypatch.setattr(choosing, "_POOL", 40)
    refusal = registry.load("torch-cell").capabilities.refusal
    rows = choosing.chosen(refusal, [], 1, least=0.01)
    candidates = [each for each in choosing.pool(refusal, 1) if unfit(each.case) is None]
    factors = {name: sorted({each.row[name] for each in candidates}) for name in OPTIONS}
    left = Open(factors, triples=False)
    for row in rows:
        assert refusal(case_of(row)) is None
        left.take({name: row[name] for name in OPTIONS})
    assert not any(left.new({name: each.row[name] for name in OPTIONS}) for each in candidates)


def test_survivors_get_cases_that_catch_them(tmp_path):
    words = "recurrent-product:dropped:units-tail-4:only-with-holes", "cell-clip:doubled:all:only-with-stack"
    drawn = [Drawn(mistake, shown_by(mistake, lambda case: True)[0]) for mistake in map(sampled, words)]
    cases = cases_for(drawn, "more")
    assert [case.id for case in cases] == [
        "more/001-recurrent-product-dropped-units-tail-4-only-with-holes",
        "more/002-cell-clip-doubled-all-only-with-stack",
    ]
    path = tmp_path / "more.yaml"
    path.write_text(spec_of("more", cases))
    read = load_specs(tmp_path)
    assert [case.model_dump(exclude={"exempt", "origin"}) for case in read] == [
        case.model_dump(exclude={"exempt", "origin"}) for case in cases
    ]
    assert [case.id for case in cases_for(drawn[1:], "more", read)] == [
        "more/003-cell-clip-doubled-all-only-with-stack"
    ]
    for one, case in zip(drawn, read, strict=True):
        arrays = make_arrays(case)
        right, wrong = reference_of(case).run(arrays), one.mistake.mistake.outputs(case, arrays)
        assert any(np.abs(right[name] - wrong[name]).max() > 1e-4 for name in right)


def test_one_case_serves_for_several_survivors():
    words = "recurrent-product:dropped:all:always", "recurrent-product:negated:all:always"
    drawn = [Drawn(mistake, shown_by(mistake, lambda case: True)[0]) for mistake in map(sampled, words)]
    assert len(cases_for(drawn, "more")) == 1
