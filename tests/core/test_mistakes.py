"""The catalogue of mistakes: each is a wrong computation of its own, and says truly where it can be made."""

import math
import re
from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from conformance.case.dtypes import NOISE_ALLOWED, UNIT_ROUNDOFF
from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.gradients import reference_of
from conformance.lstm.kappa import kappa
from conformance.lstm.mistakes import BY_ID, CATALOGUE, Mistake
from conformance.lstm.mistakes.catalogue import AXES
from conformance.lstm.mistakes.non_finite import NanLostInGateInput
from conformance.lstm.mistakes.subnormals import Flushing
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan, State
from conformance.verdict.noise import unit

MARGIN = 8 * NOISE_ALLOWED["float32"]
"""The least noise by which a mistake shows somewhere."""


def activations(gate: Any = "sigmoid", cell: Any = "tanh", hidden: Any = "tanh") -> dict[str, Any]:
    return {"gate": gate, "cell": cell, "hidden": hidden}


def function(name: str, *parameters: float) -> dict[str, Any]:
    return {"name": name} | dict(zip(("alpha", "beta"), parameters, strict=False))


def default(name: str, whose: str = "onnx") -> dict[str, Any]:
    return {"name": name, "defaults": whose}


def uniform(bound: float) -> dict[str, Any]:
    return {"uniform": {"low": -bound, "high": bound}}


def poison(tensor: str, *at: int, value: float = math.nan) -> dict[str, Any]:
    return {"tensor": tensor, "at": list(at), "value": value}


BIDIRECTIONAL = {"direction": "bidirectional"}
NO_STATES = {"h0": None, "c0": None}
TINY = {"bias": False, **NO_STATES, "x": uniform(1e-6)}

RICH: dict[str, dict[str, Any]] = {
    "plain": {},
    "head": {"head": {"O": 2, "after": "last_step"}},
    "stack": {"layers": 3, **BIDIRECTIONAL, "lengths": [3, 5, 1, 4], "I": 2, "head": {"O": 2}},
    "reverse": {"direction": "reverse", "lengths": [2, 4, 3, 1], "c0": None},
    "reverse-stack": {"direction": "reverse", "lengths": [2, 4, 3, 1], "layers": 2},
    "holes": {**BIDIRECTIONAL, "skip": [[1], [], [0, 3], [4]], "h0": None},
    "zero": {**BIDIRECTIONAL, "lengths": [3, 0, 5, 2]},
    "nan-padding": {"lengths": [1, 3, 4, 2], "padding": math.nan},
    "forget-bias": {"forget_bias": 1.5},
    "clip-gates": {"gate_clip": {"bound": 0.6, "reading": "gates"}, "peephole": True, "forget_bias": 0.7},
    "clip-all": {"gate_clip": {"bound": 0.4, "reading": "all"}, **BIDIRECTIONAL},
    "cell-clip": {"cell_clip": 0.3, "peephole": True},
    "large-cell": {"c0": uniform(9.0), "peephole": True, "layout": "batch_major", **BIDIRECTIONAL, "layers": 2},
    "projection": {"P": 3, "projection_bias": True, "projection_clip": 0.2, "cell_clip": 0.5},
    "projection-only": {"P": 3, "layers": 2, **BIDIRECTIONAL},
    "forget-from-input": {"coupling": "forget=1-input", "peephole": True},
    "input-from-forget": {"coupling": "input=1-forget", "forget_bias": 1.0},
    "norm-of-basic-cell": {"layer_norm": "basic-lstm-cell", "bias": False, "forget_bias": 1.0},
    "norm-of-nnapi": {"layer_norm": "nnapi", "peephole": True, "P": 3, "x": uniform(0.2), "h0": uniform(0.1)},
    "norm-of-tiny": {"layer_norm": "nnapi", "bias": False, **NO_STATES, "x": uniform(1e-5)},
    "norm-of-one": {"layer_norm": "nnapi", "H": 1, "bias": True},
    "norm-of-shifted": {
        "layer_norm": "nnapi",
        "x": uniform(0.1),
        "weights": {"W": {"uniform": {"low": 999.9, "high": 1000.0}}},
    },
    "activations": {
        "activations": activations(function("hard_sigmoid", 0.3, 0.4), function("leaky_relu", 0.1), "softsign")
    },
    "activations-by-direction": {
        **BIDIRECTIONAL,
        "activations": [
            activations(function("hard_sigmoid", 0.2, 0.5), function("elu", 0.6), function("scaled_tanh", 1.2, 0.7)),
            activations(function("hard_sigmoid", 1 / 6, 0.5), "relu", function("affine", 0.8, 0.1)),
        ],
        "x": uniform(4.0),
    },
    "defaults": {"activations": activations(default("hard_sigmoid"), default("elu"), default("leaky_relu"))},
    "keras-defaults": {"activations": activations(default("hard_sigmoid", "keras"), default("leaky_relu", "keras"))},
    "stream": {"blocks": [2, 1, 2], "layers": 2},
    "stream-without-states": {"blocks": [2, 2, 1], **NO_STATES, "head": {"O": 2}},
    "stream-with-lengths": {"blocks": [1, 2, 2], "lengths": [2, 5, 1, 4], "layers": 2},
    "calls": {"calls": [2, 1, 1], "lengths": [2, 5, 3, 4]},
    "calls-without-states": {"calls": [2, 1, 1], **NO_STATES},
    "wide": {"T": 2, "B": 3, "H": 257, "I": 1, "P": 2},
    "many-rows": {"T": 2, "B": 101, "H": 1, "I": 2},
    "float64": {"dtype": "float64", "activations": activations(cell="softplus"), "x": uniform(40.0)},
    "saturated": {"x": uniform(400.0), "weights": {"W": {"integers": {"low": -2, "high": 2}}}},
    "saturated-softplus": {"activations": activations(cell="softplus"), "x": uniform(400.0)},
    "tiny-tanh": {**TINY},
    "tiny-elu": {**TINY, "activations": activations(cell=function("elu", 0.5), hidden=function("elu", 0.5))},
    "closed-output-gate": {"weights": {"b_w": {"values": [[0.5] * 6, [0.25] * 6, [0.1] * 6, [-18.0] * 6]}}},
    "nan": {"poison": poison("x", 2, 1, 0), "gate_clip": {"bound": 3.0, "reading": "gates"}},
    "nan-cell": {"poison": poison("c0", 0, 1, 2), "cell_clip": 0.5, "peephole": True},
    "nan-weight": {
        "poison": poison("W.0", 0, 1, 0),
        "activations": activations(function("hard_sigmoid", 0.2, 0.5), "relu"),
    },
    "nan-weight-of-zero": {"poison": poison("W.0", 1, 4, 0), "I": 1, "x": {"integers": {"low": 0, "high": 1}}},
    "infinity": {"poison": poison("c0", 0, 1, 2, value=math.inf)},
    "subnormal": {
        "x": uniform(1e38),
        "c0": uniform(1e-39),
        "peephole": True,
        "weights": {"W": uniform(1e-39), "peephole": uniform(1e38)},
    },
    "loss": {"head": {"O": 7, "softmax": True, "cross_entropy": True}, "lengths": [3, 5, 1, 4]},
    "large-logits": {
        "head": {"O": 7, "softmax": True, "cross_entropy": True},
        "weights": {"W_y": {"uniform": {"gain": 400.0}}},
    },
    "gradients": {"gradients": "whole"},
    "gradients-of-stack": {"gradients": "whole", **BIDIRECTIONAL, "layers": 3, "lengths": [3, 5, 1, 4], "I": 2},
    "gradients-of-nan": {"gradients": "whole", "lengths": [3, 5, 1, 4], "padding": math.nan},
    "gradients-of-stream": {"gradients": "whole", "blocks": [2, 1, 2], "layers": 2},
    "gradients-truncated": {"gradients": "truncated", "blocks": [2, 1, 2], "layers": 2},
    "gradients-of-ended-rows": {"gradients": "truncated", "blocks": [2, 1, 2], "lengths": [2, 5, 1, 4]},
    "gradients-of-loss": {"gradients": "whole", "head": {"O": 7, "cross_entropy": True}, "lengths": [3, 5, 1, 4]},
    "gradients-of-options": {"gradients": "whole", "peephole": True, "P": 3, "cell_clip": 0.5, "layers": 2},
    "gradients-of-coupling": {"gradients": "whole", "coupling": "forget=1-input"},
    "gradients-of-norm": {"gradients": "whole", "layer_norm": "nnapi"},
    "gradients-of-projection": {"gradients": "whole", "P": 3},
    "empty": {"B": 0, **BIDIRECTIONAL, "layers": 2, "head": {"O": 2}},
    "empty-lengths": {"B": 0, "lengths": [], "peephole": True, "gate_clip": {"bound": 0.6, "reading": "all"}},
}
"""Private cases that between them have everything a mistake may need."""

LARGE = {"bias-left-out-of-large-batch": {"T": 3, "B": 21846, "I": 1, "H": 1}}
"""Cases for one mistake each, too large for the others."""


@cache
def rich(name: str) -> Case:
    return Case.model_validate({"id": f"rich/{name}", "T": 5, "B": 4, "I": 3, "H": 6} | (RICH | LARGE)[name])


@cache
def arrays_of(name: str) -> Arrays:
    return make_arrays(rich(name))


@cache
def right(name: str) -> Array:
    """The reference's answer in the case's own dtype, all tensors as one row of numbers."""
    return row_of(reference_of(rich(name)).run(arrays_of(name)))


@cache
def outputs_of(mistake: str, name: str) -> Outputs:
    return BY_ID[mistake].outputs(rich(name), arrays_of(name))


@cache
def wrong(mistake: str, name: str) -> Array:
    return row_of(outputs_of(mistake, name))


def row_of(outputs: Outputs) -> Array:
    return np.concatenate([array.astype(np.float64).ravel() for array in outputs.values()])


@cache
def golden_and_unit(name: str) -> tuple[Array, Array]:
    """The answer in float64, and how large a noise unit of each element is."""
    case, arrays = rich(name), arrays_of(name)
    golden, spread = reference_of(case).run(arrays.in_dtype(np.float64)), kappa(case, arrays)
    return row_of(golden), row_of({n: unit(golden[n], spread[n], case.dtype) for n in golden})


def apart(a: Array, b: Array, name: str) -> float:
    """The greatest noise between two answers to a case; infinite where only one of the two is a number."""
    equal = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore", divide="ignore"):
        quotient = np.abs(a - b) / golden_and_unit(name)[1]
    return float(np.where(equal, 0.0, np.where(np.isnan(quotient), np.inf, quotient)).max(initial=0.0))


@cache
def shown_by(mistake: str) -> list[str]:
    """The rich cases on which a mistake stands out."""
    applicable = [name for name in RICH if BY_ID[mistake].applies(rich(name))]
    return [name for name in applicable if apart(wrong(mistake, name), golden_and_unit(name)[0], name) >= MARGIN]


# The list.


def test_there_are_many_and_their_ids_are_unique_and_kebab_case() -> None:
    assert len(CATALOGUE) == len(BY_ID) >= 80
    assert [id for id in BY_ID if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id)] == []


def test_each_explanation_goes_on_from_it() -> None:
    odd = [m.what for m in CATALOGUE if not re.fullmatch(r"[a-z]+s [^\n]*[^.\n]", m.what)]
    assert odd == []
    assert len({m.what for m in CATALOGUE}) == len(CATALOGUE)


def test_every_axis_has_mistakes_of_its_name() -> None:
    assert all(list(axis) for axis in AXES)
    assert [m.axis for axis in AXES for m in axis] == [axis.name for axis in AXES for _ in axis]
    assert len({axis.name for axis in AXES}) == len(AXES)


def test_links_are_whole_addresses_and_many_mistakes_are_real_ones() -> None:
    linked = [m.link for m in CATALOGUE if m.link is not None]
    assert [link for link in linked if not re.fullmatch(r"https://[a-z0-9.-]+\.[a-z]+/\S+[^/.\s]", link)] == []
    assert [link for link in linked if "github.com" in link and not GITHUB.fullmatch(link)] == []
    assert len(linked) > 100


GITHUB = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+/((issues|pull)/\d+|blob/[\w./-]+)")


def test_formats_of_precision_are_known() -> None:
    assert {m.precision for m in CATALOGUE} <= {None, *UNIT_ROUNDOFF}


# What each computes.


@pytest.mark.slow
@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda m: m.id)
def test_a_mistake_stands_out_on_a_case_it_applies_to(mistake: Mistake) -> None:
    if mistake.systematic:
        assert np.any(wrong(mistake.id, "plain") != right("plain"))
    elif mistake.id in LARGE:
        assert mistake.applies(rich(mistake.id))
        assert np.abs(wrong(mistake.id, mistake.id) - right(mistake.id)).max() > 0.01
    else:
        assert shown_by(mistake.id)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda m: m.id)
def test_a_mistake_keeps_shapes_and_dtype_and_changes_nothing_where_it_does_not_apply(mistake: Mistake) -> None:
    for name in RICH:
        case, outputs = rich(name), outputs_of(mistake.id, name)
        assert {n: a.shape for n, a in outputs.items()} == case.outputs, name
        assert {a.dtype for a in outputs.values()} == {case.np_dtype}, name
        if not mistake.applies(case):
            assert np.array_equal(row_of(outputs), right(name), equal_nan=True), name


def test_arrays_in_float64_are_computed_in_float64_for_a_case_in_float32() -> None:
    """The form in which a diagnosis asks: what depends on the case's dtype is the case's to say."""
    for mistake in CATALOGUE:
        for name in ("stack", "saturated-softplus", "closed-output-gate"):
            outputs = mistake.outputs(rich(name), arrays_of(name).in_dtype(np.float64))
            assert {a.dtype for a in outputs.values()} == {np.dtype(np.float64)}, (mistake.id, name)


def test_the_arrays_are_left_as_they_were() -> None:
    before = {(name, n): a.tobytes() for name in RICH for n, a in arrays_of(name).flat.items()}
    for mistake in CATALOGUE:
        for name in ("stack", "large-cell", "projection", "calls", "stream"):
            mistake.outputs(rich(name), arrays_of(name))
    assert {(name, n): a.tobytes() for name in RICH for n, a in arrays_of(name).flat.items()} == before


def test_a_bound_at_the_largest_number_takes_infinities_and_nan_to_it() -> None:
    largest = float(np.finfo(np.float32).max)
    z = np.array([[np.inf, -np.inf, np.nan, -1.5]], np.float32)
    bounded = NanLostInGateInput(rich("plain")).clipped_gate(0, z)
    assert bounded.tolist() == [[largest, -largest, largest, -1.5]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_subnormal_numbers_are_those_of_the_dtype_and_zeros_keep_their_sign(dtype: str) -> None:
    smallest = np.finfo(dtype).smallest_normal
    case = rich("plain").model_copy(update={"dtype": dtype})
    v = np.array([smallest, -smallest, smallest / 2, -smallest / 2, np.nan, -0.0], dtype)
    for array in (v, v.astype(np.float64)):  # in a diagnosis, a case in float32 is computed in float64
        flushed = Flushing(case).flushed(array)
        assert flushed.dtype == array.dtype
        np.testing.assert_array_equal(flushed, [smallest, -smallest, 0.0, -0.0, np.nan, -0.0])
        assert np.signbit(flushed).tolist()[:4] == [False, True, False, True]


def test_half_formats_are_computed_in_float32_and_keep_their_subnormal_numbers() -> None:
    case = rich("plain").model_copy(update={"dtype": "float16"})
    v = np.array([6e-8, -1e-6, 0.0, 1.0], np.float16)
    np.testing.assert_array_equal(Flushing(case).flushed(v), v)


# No two are the same.


ALIKE = {
    # pairs that coincide wherever both are made, and why they are two all the same
    ("lengths-ignored", "padding-leaks"): "a NaN that is read and a NaN that leaks are the same NaN",
    ("initial-state-ignored", "initial-c-ignored-without-h"): "the second is made on fewer cases",
    ("initial-c-ignored", "initial-c-ignored-without-h"): "the second is made on fewer cases",
    ("initial-state-ignored", "initial-h-ignored-without-c"): "the second is made on fewer cases",
    ("initial-h-ignored", "initial-h-ignored-without-c"): "the second is made on fewer cases",
}


@pytest.mark.slow
def test_no_two_mistakes_come_to_the_same_on_every_case_that_shows_both() -> None:
    alike = set()
    for a, b in combinations(BY_ID, 2):
        both = [name for name in shown_by(a) if name in shown_by(b)]
        if both and all(apart(wrong(a, name), wrong(b, name), name) < MARGIN for name in both):
            alike.add((a, b))
    assert alike == set(ALIKE)


@pytest.mark.slow
def test_those_that_do_are_told_apart_by_a_case_that_shows_one_of_them() -> None:
    for a, b in ALIKE:
        assert set(shown_by(a)) != set(shown_by(b)), (a, b)


def test_a_flip_of_the_whole_sequence_that_skips_padding_is_no_mistake() -> None:
    class Flipping(Reference):
        def scan(self, given: Scan) -> tuple[Array, State]:
            if not self.case.reverse(given.direction):
                return super().scan(given)
            forward = Reference(self.case.model_copy(update={"direction": "forward"}))
            valid = None if given.valid is None else given.valid[::-1]
            y, final = forward.scan(replace(given, direction=0, x=given.x[::-1], valid=valid))
            return y[::-1], final

    for name in ("reverse", "stack", "zero", "holes"):
        assert np.array_equal(row_of(Flipping(rich(name)).run(arrays_of(name))), right(name)), name


# Two at once.


@pytest.mark.parametrize(
    ("a", "b", "name"),
    [
        ("recurrent-bias-ignored", "gates-iofg-read-as-ifgo", "plain"),
        ("forget-bias-ignored", "peephole-output-uses-previous-cell", "clip-gates"),
        ("lengths-ignored", "input-bias-twice", "reverse"),
        ("padding-moves-cell", "initial-c-ignored", "zero"),
        ("hard-sigmoid-slope-sixth", "second-direction-uses-first-activations", "activations-by-direction"),
        ("stream-state-cleared", "output-bias-for-forget-gate", "stream"),
        ("later-call-keeps-first-state", "lengths-one-too-long", "calls"),
        ("sorted-final-states-not-restored", "later-call-keeps-first-lengths", "calls"),
        ("projection-bias-ignored", "cell-clip-ignored", "projection"),
        ("layout-of-y-ignored", "directions-share-input-weights", "large-cell"),
        ("layer-norm-epsilon-1e-3", "layer-norm-gain-ignored", "norm-of-basic-cell"),
        ("tanh-from-table", "recurrent-weights-transposed", "plain"),
        ("input-forget-ignored", "peephole-ignored", "forget-from-input"),
    ],
)
def test_two_mistakes_can_be_made_at_once(a: str, b: str, name: str) -> None:
    case, arrays = rich(name), arrays_of(name)
    for first, second in ((a, b), (b, a)):
        both = type("Both", (BY_ID[first].variant, BY_ID[second].variant), {})
        found = row_of(both(case).run(arrays))
        for other in (right(name), wrong(a, name), wrong(b, name)):
            assert apart(found, other, name) >= MARGIN
