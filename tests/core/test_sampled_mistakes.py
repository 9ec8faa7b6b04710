"""Mistakes made of four words: each is the wrong computation that its words say, and only there."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from click.testing import CliRunner

from conformance.case.model import Case
from conformance.cli import main
from conformance.golden import sampling
from conformance.golden.inputs import make_arrays
from conformance.lstm.gradients import reference_of
from conformance.lstm.mistakes import named
from conformance.lstm.mistakes.grammar import draw, sampled
from conformance.lstm.mistakes.grammar.conditions import CONDITIONS
from conformance.lstm.mistakes.grammar.localities import localities
from conformance.lstm.mistakes.grammar.sites import SITES

EVERYTHING = [(site.word, fault) for site in SITES.values() for fault in site.faults]
SHOWN_BY_NONE = {
    *((site, "exchanged") for site in ("forget-bias", "loss")),  # the same number for each unit; one number
    *((site, "stale") for site in ("forget-bias", "input-bias", "recurrent-bias", "norm-bias", "projection-bias")),
    *((site, "stale") for site in ("head-bias", "loss", "final-h", "final-c", "initial-h", "initial-c")),
    *((site, "stale") for site in ("grad-head", "grad-head-bias", "back-h-initial", "back-c-initial")),
}
"""Faults that change nothing, because there is no neighbour and no step before."""


def wrong_and_right(words: str, **fields: object) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    case = case_of(**fields)
    arrays = make_arrays(case).in_dtype(np.float64)
    return sampled(words).mistake.outputs(case, arrays), reference_of(case).run(arrays)


def case_of(**fields: object) -> Case:
    return Case.model_validate({"id": "test/case", "seed": 5, "T": 4, "B": 3, "I": 4, "H": 6} | fields)


def differs(wrong: np.ndarray, right: np.ndarray, axis: int) -> list[int]:
    """The indices of an axis at which anything differs."""
    other = tuple(n for n in range(right.ndim) if n != axis)
    return list(np.flatnonzero((wrong != right).any(axis=other)))


@pytest.mark.parametrize(
    ("site", "fault"),
    [
        pytest.param(site, fault, marks=() if fault == SITES[site].faults[0] else pytest.mark.slow)
        for site, fault in EVERYTHING
        if fault not in ("flushed", "saturated")
    ],
)
def test_every_fault_of_every_site_shows(site: str, fault: str) -> None:
    probe, _ = sampling.shown_by(sampled(f"{site}:{fault}:all:always"), lambda case: True)
    assert (probe is None) == ((site, fault) in SHOWN_BY_NONE)


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ("initial-h:flushed:all:always", {}),
        ("input-term:flushed:all:always", {}),
        ("final-c:saturated:all:always", {}),
        ("input-product:saturated:all:always", {}),
    ],
)
def test_what_needs_numbers_of_its_own_shows_with_them(words: str, fields: dict[str, object]) -> None:
    probe, _ = sampling.shown_by(sampled(words), lambda case: True)
    assert probe is not None
    assert probe.x != case_of().x


@pytest.mark.parametrize("words", ["grad-peephole:flushed:all:always", "back-h-initial:flushed:units-from-8:always"])
def test_gradients_are_subnormal_where_those_of_the_outputs_are(words: str) -> None:
    probe, _ = sampling.shown_by(sampled(words), lambda case: True)
    assert probe is not None
    assert probe.x == case_of().x
    assert probe.dy != case_of(gradients="whole").dy


def test_numbers_are_tiny_in_the_dtype_of_the_case() -> None:
    probe, _ = sampling.shown_by(sampled("input-product:flushed:all:only-with-float16"), lambda case: True)
    assert probe is not None


def test_a_difference_between_numbers_that_no_case_can_have_is_not_shown() -> None:
    def tiny_inputs(case: Case) -> bool:  # with which the gradient of a peephole is about 1e-72
        return case.x != case_of().x

    probe, most = sampling.shown_by(sampled("grad-peephole:flushed:all:always"), tiny_inputs)
    assert probe is None
    assert most == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("site", SITES)
def test_every_locality_of_every_site_is_a_part_that_some_case_has(site: str) -> None:
    for kind, parts in localities(SITES[site].axes).items():
        if kind in ("calls", "blocks", "direction"):  # a case with gradients has no calls, one of blocks one direction
            continue
        mistake = sampled(f"{site}:{SITES[site].faults[0]}:{parts[0].word}:always")
        assert any(mistake.applies(case) for case in mistake.probes()), kind


def test_units() -> None:
    wrong, right = wrong_and_right("output-gate:negated:units-tail-4:always", T=1, H=6)
    assert differs(wrong["y"], right["y"], 2) == [4, 5]
    wrong, right = wrong_and_right("output-gate:negated:units-from-8:always", T=1, H=11)
    assert differs(wrong["y"], right["y"], 2) == [8, 9, 10]


def test_rows_are_counted_within_a_call() -> None:
    wrong, right = wrong_and_right("input-product:dropped:rows-tail-4:always", B=6)
    assert differs(wrong["y"], right["y"], 1) == [4, 5]
    wrong, right = wrong_and_right("input-product:dropped:rows-tail-4:always", B=6, calls=[1, 5])
    assert differs(wrong["y"], right["y"], 1) == [0, 5]
    wrong, right = wrong_and_right("input-product:dropped:calls-later:always", B=6, calls=[1, 5])
    assert differs(wrong["y"], right["y"], 1) == [1, 2, 3, 4, 5]


def test_columns_are_those_of_the_operand() -> None:
    wrong, _ = wrong_and_right("input-product:dropped:columns-from-8:always", I=10)
    case = case_of(I=10)
    arrays = make_arrays(case).in_dtype(np.float64)
    x = arrays.inputs.x.copy()
    x[..., 8:] = 0
    cut = arrays.from_tensors(dict(arrays.flat) | {"inputs.x": x})
    np.testing.assert_allclose(wrong["y"], reference_of(case).run(cut)["y"], rtol=1e-12)


@pytest.mark.parametrize(
    ("locality", "fields", "steps"),
    [
        ("steps-first", {}, [0, 1, 2, 3]),
        ("steps-last", {}, [3]),
        ("steps-last", {"direction": "reverse"}, [0]),
        ("steps-every-2", {}, [1, 2, 3]),
        ("blocks-later", {"blocks": [2, 2]}, [2, 3]),
        ("steps-last", {"blocks": [1, 3]}, [0, 1, 2, 3]),
        ("steps-from-8", {"T": 10}, [8, 9]),
    ],
)
def test_steps_are_counted_in_the_order_of_processing(
    locality: str, fields: dict[str, object], steps: list[int]
) -> None:
    wrong, right = wrong_and_right(f"forget-term:dropped:{locality}:always", **fields)
    assert differs(wrong["y"], right["y"], 0) == steps


def test_layers_and_directions() -> None:
    stack = {"layers": 3, "direction": "bidirectional"}
    wrong, right = wrong_and_right("final-c:negated:layer-upper:always", **stack)
    assert differs(wrong["c_n"], right["c_n"], 0) == [2, 3, 4, 5]
    wrong, right = wrong_and_right("final-c:negated:direction-reverse:always", **stack)
    assert differs(wrong["c_n"], right["c_n"], 0) == [1, 3, 5]


def test_gates() -> None:
    wrong, right = wrong_and_right("grad-W:negated:gate-g:always", gradients="whole")
    assert differs(wrong["d_W.0"], right["d_W.0"], 0) == [2]
    assert all((wrong[name] == right[name]).all() for name in right if name != "d_W.0")
    wrong, right = wrong_and_right("gate-activation:dropped:gate-o:always", T=1)
    assert (wrong["c_n"] == right["c_n"]).all()
    assert (wrong["h_n"] != right["h_n"]).all()


def test_of_the_gradient_of_a_weight_some_steps_can_be_missing() -> None:
    wrong, right = wrong_and_right("grad-W:dropped:steps-from-8:always", T=12, gradients="whole")
    assert differs(wrong["d_W.0"], right["d_W.0"], 1) == list(range(6))
    assert (wrong["d_R.0"] == right["d_R.0"]).all()


@pytest.mark.parametrize("word", [word for word in CONDITIONS if word != "always"])
def test_a_condition_leaves_other_cases_alone(word: str) -> None:
    mistake = sampled(f"input-product:dropped:all:{word}")
    plain = case_of()
    arrays = make_arrays(plain).in_dtype(np.float64)
    wrong, right = mistake.mistake.outputs(plain, arrays), reference_of(plain).run(arrays)
    assert mistake.applies(plain) == (word.startswith("only-without"))
    assert (wrong["y"] != right["y"]).any() == mistake.applies(plain)
    assert any(sampling.shown_by(mistake, lambda case: True))


def test_ids_name_the_mistakes() -> None:
    drawn = draw(Random(2))
    for _ in range(200):
        mistake = next(drawn)
        assert named(mistake.id).what == mistake.what
        assert sampled(mistake.id) == mistake


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("peephole:dropped:all", "does not have four words"),
        ("peep:dropped:all:always", "no site 'peep'"),
        ("peephole:lost:all:always", "no fault 'lost'"),
        ("peephole:dropped:units-tail-5:always", "no locality 'units-tail-5'"),
        ("peephole:dropped:all:on-mondays", "no condition 'on-mondays'"),
    ],
)
def test_what_is_not_a_word_is_named(words: str, message: str) -> None:
    found = CliRunner().invoke(main, ["mistakes", words])
    assert found.exit_code == 2
    assert message in found.stderr


@pytest.mark.parametrize(
    "words",
    [  # mistakes that passed every case when the catalogue was all that cases were made for
        "recurrent-product:dropped:units-tail-16:always",
        "recurrent-bias:dropped:units-from-32:always",
        "recurrent-product:dropped:columns-from-512:always",
        "lengths:dropped:all:only-with-one-row",
        "lengths:dropped:rows-from-32:always",
        "forget-bias:dropped:all:only-with-lengths",
        "forget-bias:doubled:calls-later:always",
        "input-product:flushed:all:always",
        "grad-W:dropped:steps-from-16:always",
        "back-held:dropped:layer-upper:only-with-holes",
        "back-peephole:dropped:layer-upper:always",
    ],
)
def test_mistakes_that_once_passed_every_case_can_be_said(words: str) -> None:
    assert sampling.shown_by(sampled(words), lambda case: True)[0] is not None
