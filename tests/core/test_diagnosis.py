"""Diagnosis: a mistake that is made is named, two at once are, what is no mistake is not, and none of it takes long."""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
from harness import shipped_cases, shipped_vectors

from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.model import Case
from conformance.case.outcomes import Difference, Failed, Suspect
from conformance.case.tensors import Array, Outputs
from conformance.case.where import Pattern, Where
from conformance.golden.vector import Vector
from conformance.lstm.gradients import completed
from conformance.lstm.mistakes import BY_ID, CATALOGUE, Mistake
from conformance.lstm.reference import Reference
from conformance.results.result import Result
from conformance.verdict.answer import Answer
from conformance.verdict.compare import judge
from conformance.verdict.contracts import DEFAULTS, Contracts
from conformance.verdict.diagnose import diagnose

SECONDS = 1.0
FAILURES = int(os.environ.get("LSTM_FAILURES", "0"))
"""How many failing cases of each mistake are diagnosed; without it one, of every third mistake."""
LONG = 500
"""Cases of more steps are tried one by one below: there is not the time to compute every mistake to its end."""


def made(variant: type[Reference], case: Case, vector: Vector) -> Outputs:
    """What an implementation that makes a mistake returns: computed in float32 or float64, rounded once if narrower."""
    working = np.float64 if case.dtype == "float64" else np.float32
    with np.errstate(all="ignore"):
        outputs = completed(variant, case, vector.arrays.in_dtype(working))
        return {name: array.astype(case.np_dtype) for name, array in outputs.items()}


def wrong(case: Case, vector: Vector, outputs: Outputs, contracts: Contracts = DEFAULTS) -> bool:
    """Whether it fails, with numbers to look at."""
    fails = isinstance(
        judge(case, outputs, vector.golden, vector.kappa, precision=case.dtype, contracts=contracts), Failed
    )
    return fails and all(outputs[name].shape == shape for name, shape in case.outputs.items())


def diagnosed(
    case: Case,
    vector: Vector,
    outputs: Mapping[str, Array],
    *,
    written: Sequence[str] = (),
    where: Where | None = None,
    **judged_by: Any,
) -> tuple[Suspect, ...]:
    """The suspects, in less than the time that is promised."""
    judged_by = {"precision": case.dtype} | judged_by
    answer = Answer(case, vector.arrays, outputs, vector.golden, vector.kappa, **judged_by)
    start = time.thread_time()
    found = diagnose(answer, written, where)
    assert time.thread_time() - start < SECONDS, case.id
    return found


def shuffled(items: Sequence[Any], seed: str) -> list[Any]:
    """In an order that is always the same and means nothing."""
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}:{getattr(item, 'id', item)}".encode()).digest())


def failures(mistake: Mistake) -> Iterator[tuple[Case, Vector, Outputs]]:
    """The cases that an implementation with this mistake fails, in no order, with its answers."""
    for case in shuffled([c for c in shipped_cases().values() if mistake.applies(c) and c.T <= LONG], mistake.id):
        vector = shipped_vectors().load(case)
        outputs = made(mistake.variant, case, vector)
        if wrong(case, vector, outputs):
            yield case, vector, outputs


def named(suspects: Sequence[Suspect], *ids: str) -> bool:
    return any(set(suspect.mistakes) == set(ids) for suspect in suspects)


@pytest.mark.slow
def test_every_mistake_that_is_made_is_named():
    tried: Counter[bool] = Counter()
    missed = []
    some = CATALOGUE if FAILURES else shuffled(CATALOGUE, "some")[: len(CATALOGUE) // 3]
    for mistake in some:
        for failure in islice(failures(mistake), FAILURES or 1):
            right = named(diagnosed(*failure), mistake.id)
            tried[right] += 1
            missed += [] if right else [f"{mistake.id} on {failure[0].id}"]
    assert tried.total() >= len(some) - 3  # there are mistakes that show only in cases made on demand
    assert tried[True] >= 0.95 * tried.total(), missed


EXACT = [m for m in CATALOGUE if not (m.approximate or m.systematic or m.precision)]
# Two permutations of the gates are a third one, or two others; a variant of the gradients has a step of its own.
APART = [m for m in EXACT if m.axis not in ("gates", "gradients", "gradient flow", "loss")]


@pytest.mark.slow
def test_two_mistakes_at_once_are_named():
    tried: Counter[bool] = Counter()
    missed = []
    for n, one in enumerate(shuffled(APART, "pairs")[:16]):
        partners = [m for m in shuffled(APART, f"partner {n}")[:20] if m.axis != one.axis]
        if found := next(_made_together(one, partners), None):
            pair, failure = found
            right = named(diagnosed(*failure), *pair)
            tried[right] += 1
            missed += [] if right else [f"{pair} on {failure[0].id}"]
    assert tried.total() >= 12
    assert tried[True] >= 0.9 * tried.total(), missed


def _made_together(
    one: Mistake, partners: Sequence[Mistake]
) -> Iterator[tuple[tuple[str, str], tuple[Case, Vector, Outputs]]]:
    """Pairs on cases on which they do not come to the answer of either."""
    for other in partners:
        for case in shuffled(
            [c for c in shipped_cases().values() if one.applies(c) and other.applies(c)], one.id + other.id
        )[:5]:
            vector = shipped_vectors().load(case)
            alone = [made(mistake.variant, case, vector) for mistake in (one, other)]
            both = made(type("Both", (one.variant, other.variant), {}), case, vector)
            if not all(wrong(case, vector, outputs) for outputs in (*alone, both)) or case.T > LONG:
                continue
            if all(wrong(case, replace(vector, golden=_as_golden(outputs)), both) for outputs in alone):
                yield (one.id, other.id), (case, vector, both)


def _as_golden(outputs: Outputs) -> Outputs:
    return {name: array.astype(np.float64) for name, array in outputs.items()}


@pytest.mark.slow
@pytest.mark.parametrize("case_id", ["long/thousand-f32", "long/thousand-bidirectional-f64"])
@pytest.mark.parametrize("mistake", ["gates-iofg-read-as-ifgo", "forget-gate-left-out"])
def test_a_long_case_is_diagnosed_in_the_same_time(case_id, mistake):
    case = shipped_cases()[case_id]
    vector = shipped_vectors().load(case)
    assert named(diagnosed(case, vector, made(BY_ID[mistake].variant, case, vector)), mistake)


@pytest.mark.parametrize("mistake", ["final-h-and-c-swapped", "padding-moves-h"])
def test_what_is_written_down_is_tried_whatever_the_time(mistake):
    case = shipped_cases()["long/thousand-bidirectional-f32"]
    vector = shipped_vectors().load(case)
    outputs = made(BY_ID[mistake].variant, case, vector)
    answer = Answer(case, vector.arrays, outputs, vector.golden, vector.kappa, "float32")
    assert named(diagnose(answer, [mistake]), mistake)


def test_several_that_are_written_down_are_tried_together():
    case = shipped_cases()["lengths/unsorted-bidirectional-f32"]
    vector = shipped_vectors().load(case)
    ids = ["final-h-and-c-swapped", "lengths-ignored", "input-bias-twice"]
    three = type("Three", tuple(BY_ID[each].variant for each in ids), {})
    outputs = made(three, case, vector)
    assert diagnosed(case, vector, outputs) == ()
    assert named(diagnosed(case, vector, outputs, written=ids), *ids)
    assert not named(diagnosed(case, vector, outputs, written=ids[:2]), *ids[:2])


def with_noise(case: Case, vector: Vector, units: float) -> Outputs:
    """The golden values, each wrong by up to so many noise units, at random."""
    random = np.random.Generator(np.random.PCG64(7))
    outputs = {}
    for name, golden in vector.golden.items():
        largest = np.maximum(vector.kappa[name], np.max(np.abs(golden), initial=0.0))
        error = random.uniform(-1.0, 1.0, golden.shape) * units * 2.0**-24 * largest
        outputs[name] = (golden + error).astype(np.float32)
    return outputs


SOME = ["sequence/longer-f32", "stack/plain-layers3-bidirectional-f32", "cell/step-f32-both-states"]


@pytest.mark.parametrize("case_id", SOME)
@pytest.mark.parametrize("units", [50.0, 3000.0, 4e6])
def test_what_is_no_mistake_is_reproduced_by_none(case_id, units):
    case = shipped_cases()[case_id]
    vector = shipped_vectors().load(case)
    outputs = with_noise(case, vector, units)
    assert wrong(case, vector, outputs)
    suspects = diagnosed(case, vector, outputs)
    assert not any(suspect.how == "reproduces" for suspect in suspects)
    assert units < 1e6 or suspects == ()  # smaller noise may well be of the size of a coarser format's


def test_a_right_answer_with_one_number_changed_is_no_mistake():
    case = shipped_cases()["sequence/longer-f32"]
    vector = shipped_vectors().load(case)
    outputs = made(Reference, case, vector)
    outputs["y"][7, 0, 3] += 0.25
    assert diagnosed(case, vector, outputs) == ()


@pytest.mark.parametrize(
    ("mistake", "precision"),
    [("products-in-tf32", "tf32"), ("computed-in-bfloat16", "bfloat16"), ("computed-in-float16", "float16")],
)
def test_a_coarser_format_is_named_though_its_digits_are_others(mistake, precision):
    case = shipped_cases()["sequence/longer-f32"]
    vector = shipped_vectors().load(case)

    class OtherDigits(BY_ID[mistake].variant):
        """Sums in another order than the mistake of the catalogue."""

        def product(self, rows, matrix):
            return super().product(rows[:, ::-1] * np.float32(1.0001), matrix[:, ::-1])

    first = diagnosed(case, vector, made(OtherDigits, case, vector))[0]
    assert first.how == "precision"
    assert UNIT_ROUNDOFF[first.precision] == UNIT_ROUNDOFF[precision]
    assert 0.01 < first.noise < 16


def test_float64_computed_in_float32_is_named_and_so_it_is_beside_another_mistake():
    case = shipped_cases()["lengths/unsorted-reverse-f64"]
    vector = shipped_vectors().load(case)
    narrow = vector.arrays.in_dtype(np.float32)
    for other in (), ("padding-moves-state",):

        class OtherDigits(*(BY_ID[each].variant for each in other), Reference):
            """Sums in another order than the mistake of the catalogue."""

            def product(self, rows, matrix):
                return super().product(rows[:, ::-1], matrix[:, ::-1])

        outputs = {name: array.astype(np.float64) for name, array in OtherDigits(case).run(narrow).items()}
        suspects = diagnosed(case, vector, outputs)
        assert named(suspects, *other, "float64-in-float32")
        assert {(suspect.how, suspect.precision) for suspect in suspects} == {("precision", "float32")}
        assert all(suspect.noise < 16 for suspect in suspects)


def test_an_approximation_of_other_digits_is_said_to_be_alike():
    case = shipped_cases()["sequence/longer-f32"]
    vector = shipped_vectors().load(case)

    class OtherTanh(Reference):
        def activation(self, activation, z):
            result = super().activation(activation, z)
            return result * (1 + 1e-5 * np.sin(31 * z)) if activation.name == "tanh" else result

    suspects = diagnosed(case, vector, made(OtherTanh, case, vector))
    assert named(suspects, "tanh-good-to-five-digits")
    assert {suspect.how for suspect in suspects} == {"resembles"}


@pytest.mark.parametrize(
    ("contracts", "mistake"),
    [
        (Contracts(padded_y="last"), "padding-moves-state"),
        (Contracts(padded_y="last"), "recurrent-bias-ignored"),
        (Contracts(padded_y="last"), "lengths-ignored"),
        (Contracts(empty_rows="zeros"), "recurrent-bias-ignored"),
        (Contracts(empty_rows="zeros"), "lengths-ignored"),
    ],
)
def test_a_mistake_is_held_to_the_contracts_where_it_is_right(contracts, mistake):
    case = shipped_cases()["lengths/zero-forward-f32"]
    vector = shipped_vectors().load(case)
    outputs = made(BY_ID[mistake].variant, case, vector)
    if mistake != "lengths-ignored":  # what runs over the padding leaves nothing to carry and no row empty
        outputs = contracts.applied(case, outputs)
    assert wrong(case, vector, outputs, contracts)
    assert named(diagnosed(case, vector, outputs, contracts=contracts), mistake)


def test_a_row_that_has_ended_holds_what_is_agreed_whatever_a_mistake_carried_on():
    case = shipped_cases()["lengths/stream-f32"]
    vector, contracts = shipped_vectors().load(case), Contracts(empty_rows="zeros")
    outputs = contracts.applied(case, made(BY_ID["recurrent-bias-ignored"].variant, case, vector))
    assert np.any(np.all(outputs["h_n"] == 0.0, axis=-1))
    assert named(diagnosed(case, vector, outputs, contracts=contracts), "recurrent-bias-ignored")


def test_numbers_too_large_for_the_dtype_are_the_same_infinity():
    case = Case.model_validate(
        {
            "id": "diagnosis/overflow",
            **{"T": 3, "B": 2, "I": 3, "H": 4, "dtype": "float16"},
            "activations": {"gate": "sigmoid", "cell": "linear", "hidden": "linear"},
            "x": {"uniform": {"low": 2e4, "high": 4e4}},
            "tolerance": {"noise": 16},
        }
    )
    from conformance.golden.inputs import make_arrays
    from conformance.lstm.kappa import kappa

    arrays = make_arrays(case)
    golden = Reference(case).run(arrays.in_dtype(np.float64))
    vector = Vector(arrays, golden, kappa(case, arrays))
    outputs = made(BY_ID["output-gate-left-out"].variant, case, vector)
    assert any(np.isinf(array.astype(np.float64)).any() for array in outputs.values())
    assert named(diagnosed(case, vector, outputs), "output-gate-left-out")


@pytest.mark.parametrize("case_id", ["nan-in-one-gate/relu-cell", "nan-in-one-gate/relu-cell-bias"])
def test_a_mistake_whose_numbers_exceed_float32_is_followed_through_the_overflow(case_id):
    case = shipped_cases()[case_id]
    vector = shipped_vectors().load(case)
    outputs = made(BY_ID["nan-lost-in-gate-input"].variant, case, vector)
    assert np.isinf(outputs["y"]).any()
    (suspect,) = diagnosed(case, vector, outputs)
    assert suspect.mistakes == ("nan-lost-in-gate-input",)


def test_cases_on_which_mistakes_coincide_tell_them_apart_together():
    """As docs/reading-a-failure.md says of its example."""
    common = set(BY_ID)
    for case_id in "lengths/unsorted-reverse-f32", "lengths/unsorted-forward-f32":
        case = shipped_cases()[case_id]
        vector = shipped_vectors().load(case)
        suspects = diagnosed(case, vector, made(BY_ID["padding-moves-state"].variant, case, vector))
        common &= {mistake for suspect in suspects for mistake in suspect.mistakes}
    assert common == {"padding-moves-state"}


# What is said


def a_result(*suspects: Suspect) -> Result:
    case = Case.model_validate({"id": "diagnosis/case", "T": 3, "B": 2, "I": 2, "H": 4})
    failed = Failed(99.0, (Difference("y", "1 of 24 elements differ", 99.0),), "direction forward, step 1, row 0")
    return Result(case, "acme", replace(failed, suspects=suspects), {"acme": "1.0"}, options=("--specs", "my specs"))


def test_the_message_names_the_suspects_between_the_place_and_the_command():
    exact, other = (Suspect((name,), "reproduces", 2.345, "float32") for name in ("first-id", "second-id"))
    pair = Suspect(("one-id", "other-id"), "reproduces", 1.0, "float32")
    format_ = Suspect(("computed-in-bfloat16",), "precision", 0.5, "bfloat16")
    alike = Suspect(("coarse-tanh",), "resembles", 70.0, "float32")
    assert a_result(exact, other, pair, format_, alike).message().splitlines()[2:] == [
        "  first wrong: direction forward, step 1, row 0",
        "  cannot be told apart here: first-id (reproduces it, noise 2.3)",
        "                         or: second-id (reproduces it, noise 2.3)",
        "                         or: one-id with other-id (together they reproduce it, noise 1)",
        "                         or: computed-in-bfloat16 (noise 0.5 in the unit of bfloat16)",
        "                         or: coarse-tanh (an error of its size, with other digits)",
        "  see: conformance mistakes first-id second-id one-id other-id computed-in-bfloat16 coarse-tanh",
        "  again: conformance run --adapter acme --case diagnosis/case --specs 'my specs'",
    ]


def test_one_suspect_is_what_it_looks_like():
    exact = Suspect(("first-id",), "reproduces", 2.345, "float32")
    assert "  looks like: first-id (reproduces it, noise 2.3)" in a_result(exact).message().splitlines()


def test_the_place_is_said_before_any_name():
    exact = Suspect(("first-id",), "reproduces", 2.345, "float32")
    result = a_result(exact)
    where = Where("step", ("y",), {"unit": Pattern("first", 4, 0, 0, 1)})
    lines = replace(result, outcome=replace(result.outcome, where=where)).message().splitlines()
    assert lines[3:5] == ["  where: the first unit of 4", "  looks like: first-id (reproduces it, noise 2.3)"]


def test_more_suspects_than_are_of_use_are_only_named():
    many = [Suspect((f"id-{n}",), "reproduces", 1.0, "float32") for n in range(7)]
    assert "                         or: id-5, id-6" in a_result(*many).message().splitlines()


def test_without_a_suspect_nothing_is_said():
    assert "looks like" not in a_result().message()


def test_the_results_file_has_the_suspects():
    suspects = (
        Suspect(("one", "other"), "reproduces", 2.34567, "float32"),
        Suspect(("x",), "resembles", np.inf, "tf32"),
    )
    assert [s.model_dump() for s in a_result(*suspects).record().suspects] == [
        {"mistakes": ("one", "other"), "how": "reproduces", "noise": 2.346, "precision": "float32"},
        {"mistakes": ("x",), "how": "resembles", "noise": None, "precision": "tf32"},
    ]
