"""The design of cases: every row is a case, its words are true, and what an interface lacks is found."""

from random import Random

import numpy as np
import pytest
from command_line import conformance

from conformance.adapters import registry
from conformance.case.load import load_specs
from conformance.golden.design import choosing
from conformance.golden.design.arrays import Open, levels
from conformance.golden.design.factors import OPTIONS
from conformance.golden.design.fitness import unfit
from conformance.golden.design.rows import case_of, completed, keys_of, row_of, words
from conformance.golden.design.rules import RULES
from conformance.golden.design.survivors import rows_for, rows_in, spec_of
from conformance.golden.inputs import make_arrays
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
    monkeypatch.setattr(choosing, "_POOL", 15)
    refusal = registry.load("torch-cell").capabilities.refusal
    drawn = choosing.pool(refusal, 1)
    monkeypatch.setattr(choosing, "pool", lambda refusal, seed: list(drawn))  # drawing takes longer than choosing
    rows = choosing.chosen(refusal, [], 1, least=0.01)
    candidates = [each for each in drawn if unfit(each.case) is None]
    factors = {name: sorted({each.row[name] for each in candidates}) for name in OPTIONS}
    left = Open(factors, triples=False)
    for row in rows:
        assert refusal(case_of(row)) is None
        left.take({name: row[name] for name in OPTIONS})
    assert not any(left.new({name: each.row[name] for name in OPTIONS}) for each in candidates)


def test_survivors_get_cases_that_catch_them(tmp_path):
    survivors = ["recurrent-product:dropped:units-from-32:only-with-holes", "cell-clip:doubled:all:only-with-stack"]
    rows = rows_for(survivors, 1, jobs=1)
    (tmp_path / "more.yaml").write_text(spec_of("more", rows))
    cases = load_specs(tmp_path)
    assert [row_of(case.description) for case in cases] == rows
    for mistake in map(sampled, survivors):
        most = 0.0
        for case in filter(mistake.applies, cases):
            arrays = make_arrays(case).in_dtype(np.float64)
            right, wrong = reference_of(case).run(arrays), mistake.mistake.outputs(case, arrays)
            most = max(most, *(float(np.abs(right[name] - wrong[name]).max()) for name in right))
        assert most > 1e-4


@pytest.mark.slow
def test_survivors_of_an_interface_get_cases_that_it_accepts():
    refusal = registry.load("torch-cell").capabilities.refusal
    rows = rows_for(["recurrent-product:negated:rows-from-8:always"], 2, refusal, jobs=1)
    assert rows
    assert all(refusal(case_of(row)) is None for row in rows)


def test_one_case_serves_for_several_survivors():
    survivors = ["recurrent-product:dropped:all:always", "recurrent-product:negated:all:always"]
    assert len(rows_for(survivors, 3, jobs=1)) == 1


def test_what_is_written_for_survivors_can_be_generated(tmp_path):
    pytest.importorskip("flint")
    # Only the second, which is made on demand, has sizes that coincide and lengths that are sorted.
    rows = [row_of("T=3 B=2 I=5 H=8, peepholes"), row_of("T=2 B=2 I=3 H=513, full lengths, gradients")]
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "more.yaml").write_text(spec_of("more", rows))
    assert [case.on_demand for case in load_specs(tmp_path / "specs")] == [False, True]
    done = conformance("generate", "--specs", tmp_path / "specs", "--vectors", tmp_path / "vectors")
    assert done.exit_code == 0, done.output


def test_cases_are_added_behind_those_that_the_file_has(tmp_path):
    path = tmp_path / "more.yaml"
    assert rows_in(path) == []
    rows = [row_of("T=3 B=2 I=3 H=8, peepholes")]
    path.write_text(spec_of("more", rows))
    assert rows_in(path) == rows


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mine.yaml", "was not written by this command"),
        ("latin.yaml", "cannot be read"),
        ("more.yml", "a spec is named after its family, as in "),
        ("More Cases.yaml", "a spec is named after its family, as in "),
        ("file/more.yaml", "cannot be written"),
    ],
)
def test_what_cases_cannot_be_added_to_is_said_before_the_work(tmp_path, name, said):
    (tmp_path / "mine.yaml").write_text("family: mine\n")
    (tmp_path / "latin.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "file").write_text("")
    done = conformance("mistakes", "--sample", 1_000_000, "--add-to", tmp_path / name)
    assert done.exit_code == 2
    assert said in done.stderr
    assert isinstance(done.exception, SystemExit)
