"""Gradients: the oracle's against finite differences of its own forward pass, the reference's against the oracle's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.gradients import Gradients
from conformance.lstm.kappa import kappa
from conformance.lstm.reference import Reference
from conformance.verdict.noise import noise

flint = pytest.importorskip("flint")

from conformance.lstm.oracle import prove  # noqa: E402 - needs flint
from conformance.lstm.oracle.forward import evaluate  # noqa: E402

HARD = {"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5}


def case(**fields: Any) -> Case:
    plain = {"id": "fam/a", "T": 4, "B": 3, "I": 2, "H": 3, "dtype": "float64", "gradients": "whole"}
    return Case.model_validate(plain | fields)


SPREAD: list[dict[str, Any]] = [
    {},
    {"direction": "reverse"},
    {"direction": "bidirectional", "layers": 2},
    {"lengths": [2, 4, 1], "padding": math.nan, "direction": "bidirectional"},
    {"lengths": [2, 4, 1], "direction": "reverse", "layers": 2},
    {"skip": [[1], [0, 3], [2]], "direction": "bidirectional"},
    {"blocks": [1, 3]},
    {"blocks": [2, 1, 1], "lengths": [2, 4, 1], "layers": 2},
    {"dy": None},
    {"dh_n": None, "dc_n": None, "h0": None},
    {"dy": None, "dh_n": None, "c0": None, "bias": False},
    {"peephole": True, "forget_bias": 1.5},
    {"peephole": True, "output_peephole": "previous-cell", "cell_clip": 0.5},
    {"P": 2, "projection_bias": True, "layers": 2},
    {"P": 2, "projection_clip": 0.25},
    {"coupling": "forget=1-input"},
    {"coupling": "input=1-forget", "peephole": True},
    {"gate_clip": {"bound": 0.5, "reading": "gates"}, "peephole": True},
    {"gate_clip": {"bound": 0.5, "reading": "all"}},
    {"cell_clip": 0.5, "peephole": True},
    {"layer_norm": "basic-lstm-cell", "bias": False, "forget_bias": 1.0},
    {"layer_norm": "nnapi", "peephole": True, "P": 2},
    {"head": {"O": 2, "cross_entropy": True}},
    {"head": {"O": 4, "cross_entropy": True, "after": "last_step", "softmax": True}},
    {"head": {"O": 4, "cross_entropy": True}, "lengths": [2, 4, 1], "direction": "bidirectional"},
    {"activations": {"cell": "relu", "hidden": "relu"}},
    {"activations": {"gate": HARD, "cell": "softsign", "hidden": "softplus"}},
    {
        "activations": {
            "gate": {"name": "affine", "alpha": 0.3, "beta": 0.4},
            "cell": {"name": "elu", "alpha": 0.7},
            "hidden": {"name": "leaky_relu", "alpha": 0.1},
        }
    },
    {
        "activations": {
            "gate": {"name": "scaled_tanh", "alpha": 1.2, "beta": 0.6},
            "cell": "linear",
            "hidden": {"name": "thresholded_relu", "alpha": 0.2},
        }
    },
]


def on_a_grid(arrays: Arrays) -> Arrays:
    """The same numbers to 20 binary places, so that 2**-30 can be added to each of them exactly."""
    moved = {n: np.rint(a * 2**20) / 2**20 if a.dtype == np.float64 else a for n, a in arrays.flat.items()}
    return Arrays.from_tensors(moved)


def proven_loss(wanted: Case, arrays: Arrays) -> Any:
    """The loss as a ball, from the oracle's forward pass."""
    balls = evaluate(wanted, arrays, 256)
    if wanted.cross_entropy:
        return balls["loss"][()]
    ends = {name.removeprefix("d"): getattr(arrays.inputs, name) for name in ("dy", "dh_n", "dc_n")}
    with flint.ctx.workprec(256):
        return sum(
            ball * float(weight)
            for name, end in ends.items()
            if end is not None
            for ball, weight in zip(balls[name].flat, end.flat, strict=True)
        )


def central_difference(wanted: Case, arrays: Arrays, tensor: str, at: tuple[int, ...]) -> float:
    """dL/d(one element), wrong by a third derivative times 2**-62 and by rounding."""
    step, losses = 2.0**-30, []
    for sign in (1, -1):
        moved = arrays.flat[tensor].copy()
        moved[at] += sign * step
        losses.append(proven_loss(wanted, Arrays.from_tensors({**arrays.flat, tensor: moved})))
    with flint.ctx.workprec(256):
        return float((losses[0] - losses[1]) / (2 * step))


def differentiated(wanted: Case) -> Iterator[tuple[str, str]]:
    """The name of each gradient, and of the tensor it belongs to."""
    for name in wanted.outputs:
        if name.startswith("d_"):
            tensor = name.removeprefix("d_")
            yield name, f"{'inputs' if tensor in wanted.input_shapes else 'weights'}.{tensor}"


@pytest.mark.slow
@pytest.mark.parametrize("fields", SPREAD, ids=str)
def test_the_oracles_gradients_are_the_finite_differences_of_its_forward_pass(fields: dict[str, Any]) -> None:
    wanted = case(**fields)
    arrays = on_a_grid(make_arrays(wanted))
    proven = prove(wanted, arrays).outputs
    rng = np.random.default_rng(0)
    for name, tensor in differentiated(wanted):
        for place in rng.choice(proven[name].size, size=min(3, proven[name].size), replace=False):
            at = tuple(int(i) for i in np.unravel_index(place, proven[name].shape))
            if tensor == "inputs.x" and at[0] not in wanted.valid_steps(at[1]):
                assert proven[name][at] == 0.0
                continue
            found = central_difference(wanted, arrays, tensor, at)
            assert proven[name][at] == pytest.approx(found, rel=1e-13, abs=1e-15), (name, at)


@cache
def kappa_of(fields: str) -> Outputs:
    """kappa of one of `SPREAD` in float64; it takes long, and arrays rounded to float32 hardly change it."""
    wanted = case(**next(each for each in SPREAD if str(each) == fields))
    return kappa(wanted, make_arrays(wanted))


@pytest.mark.slow
@pytest.mark.parametrize("fields", SPREAD, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_references_gradients_are_the_oracles_within_honest_rounding(fields: dict[str, Any], dtype: str) -> None:
    wanted = case(**fields, dtype=dtype)
    arrays = make_arrays(wanted)
    proven, spread = prove(wanted, arrays).outputs, kappa_of(str(fields))
    got = Gradients(wanted).run(arrays)
    assert list(got) == list(wanted.outputs)
    for name, array in got.items():
        assert array.dtype == wanted.np_dtype and array.shape == wanted.outputs[name]
        assert noise(array, proven[name], spread[name], dtype).max() < 8, name


def test_a_truncated_gradient_is_that_of_the_blocks_each_by_itself() -> None:
    blocks = (2, 1, 3)
    wanted = case(T=6, layers=2, blocks=list(blocks), gradients="truncated")
    arrays = make_arrays(wanted)
    got = Gradients(wanted).run(arrays)
    h0, c0, start, sums, dxs = arrays.inputs.h0, arrays.inputs.c0, 0, dict[str, Array](), []
    first: Outputs = {}
    for n, length in enumerate(blocks):
        block = case(T=length, layers=2)
        assert arrays.inputs.dy is not None and arrays.inputs.dh_n is not None and arrays.inputs.dc_n is not None
        last = n == len(blocks) - 1
        inputs = replace(
            arrays.inputs,
            x=arrays.inputs.x[start : start + length],
            dy=arrays.inputs.dy[start : start + length],
            h0=h0,
            c0=c0,
            dh_n=arrays.inputs.dh_n * last,
            dc_n=arrays.inputs.dc_n * last,
        )
        part = Gradients(block).run(Arrays(arrays.weights, inputs))
        first = first or part
        h0, c0, start = part["h_n"], part["c_n"], start + length
        dxs.append(part["d_x"])
        for name in wanted.weight_shapes:
            sums[name] = sums.get(name, 0.0) + part[f"d_{name}"]
    np.testing.assert_allclose(got["d_x"], np.concatenate(dxs), rtol=1e-12)
    for name, total in sums.items():
        np.testing.assert_allclose(got[f"d_{name}"], total, rtol=1e-12, atol=1e-14)
    for name in ("d_h0", "d_c0"):
        np.testing.assert_allclose(got[name], first[name], rtol=1e-12)
    proven = prove(wanted, arrays).outputs
    for name, array in got.items():
        np.testing.assert_allclose(array, proven[name], rtol=1e-11, atol=1e-14, err_msg=name)


def test_the_forward_answer_is_the_same_whole_and_truncated_and_without_gradients() -> None:
    fields: dict[str, Any] = {"blocks": [1, 3]}
    whole, truncated = case(**fields), case(**fields, gradients="truncated")
    without = whole.model_copy(update={"gradients": None})
    answers = [prove(each, make_arrays(each)).outputs for each in (whole, truncated, without)]
    for name in ("y", "h_n", "c_n"):
        assert len({answer[name].tobytes() for answer in answers}) == 1
    assert answers[0]["d_x"].tobytes() != answers[1]["d_x"].tobytes()


def test_a_short_row_has_the_gradients_it_has_alone() -> None:
    wanted = case(lengths=[2, 4, 3], direction="bidirectional", layers=2)
    arrays = make_arrays(wanted)
    got = Gradients(wanted).run(arrays)
    total = dict.fromkeys(wanted.weight_shapes, 0.0)
    for row, length in enumerate((2, 4, 3)):
        alone = case(T=length, B=1, direction="bidirectional", layers=2)
        names = ("x", "h0", "c0", "dy", "dh_n", "dc_n")
        own = {name: getattr(arrays.inputs, name)[:, row : row + 1] for name in names}
        own |= {name: own[name][:length] for name in ("x", "dy")}
        part = Gradients(alone).run(Arrays(arrays.weights, replace(arrays.inputs, lengths=None, **own)))
        np.testing.assert_allclose(got["d_x"][:length, row], part["d_x"][:, 0], rtol=1e-12)
        np.testing.assert_allclose(got["d_h0"][:, row], part["d_h0"][:, 0], rtol=1e-12)
        total = {name: total[name] + part[f"d_{name}"] for name in total}
    assert not got["d_x"][2:, 0].any() and not got["d_x"][3:, 2].any()
    for name, array in total.items():
        np.testing.assert_allclose(got[f"d_{name}"], array, rtol=1e-11, atol=1e-14)


# Softmax and cross-entropy.


def test_probabilities_and_loss_are_those_of_plain_arithmetic() -> None:
    wanted = case(gradients=None, head={"O": 4, "softmax": True, "cross_entropy": True}, lengths=[2, 4, 1])
    arrays = make_arrays(wanted)
    targets = arrays.inputs.targets
    assert targets is not None and targets.dtype == np.int64
    proven = prove(wanted, arrays).outputs
    powers = np.exp(proven["logits"])
    probabilities = powers / powers.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(proven["probabilities"], probabilities, rtol=1e-14)
    terms = [-math.log(probabilities[t, row, targets[t, row]]) for row, n in enumerate((2, 4, 1)) for t in range(n)]
    assert proven["loss"] == pytest.approx(sum(terms) / len(terms), rel=1e-14)
    assert np.all(targets[2:, 0] == -1) and np.all(targets[1:, 2] == -1)
    for name, array in Reference(wanted).run(arrays).items():
        np.testing.assert_allclose(array, proven[name], rtol=1e-12)


def test_large_logits_are_no_trouble() -> None:
    wanted = case(head={"O": 3, "softmax": True, "cross_entropy": True}, weights={"W_y": {"uniform": {"gain": 1e5}}})
    arrays = make_arrays(wanted)
    proven = prove(wanted, arrays).outputs
    assert np.abs(proven["logits"]).max() > 1000
    got = Gradients(wanted).run(arrays)
    spread = kappa(wanted, arrays)
    assert all(noise(got[name], proven[name], spread[name], "float64").max() < 16 for name in got)


@pytest.mark.parametrize("targets", [np.full((4, 3), 2), np.full((4, 3), -1), np.zeros((4, 3), np.int32), None])
def test_targets_that_are_no_classes_are_refused(targets: Array | None) -> None:
    wanted = case(gradients=None, head={"O": 2, "cross_entropy": True})
    flat = {**make_arrays(wanted).flat, "inputs.targets": targets}
    arrays = Arrays.from_tensors({name: array for name, array in flat.items() if array is not None})
    with pytest.raises(GenerationError, match="fam/a: targets are not"):
        prove(wanted, arrays)


# Kinks.


@pytest.mark.parametrize(
    ("fields", "x"),
    [
        ({"activations": {"gate": "linear", "cell": "relu", "hidden": "linear"}}, 0.0),
        (
            {"activations": {"gate": "linear", "cell": {"name": "thresholded_relu", "alpha": 0.5}, "hidden": "linear"}},
            0.5,
        ),
        ({"activations": {"gate": "linear", "cell": "linear", "hidden": "linear"}, "cell_clip": 0.75}, -0.75),
    ],
)
def test_a_number_on_a_kink_has_no_gradient(fields: dict[str, Any], x: float) -> None:
    wanted = case(T=1, B=1, I=1, H=1, h0=None, c0=None, **fields)
    tensors = {
        **make_arrays(wanted).flat,
        "weights.W.0": np.array([0.0, 0.0, 1.0, 0.0]).reshape(4, 1, 1),
        "weights.b_w.0": np.array([1.0, 0.0, 0.0, 1.0]).reshape(4, 1),
        "weights.b_r.0": np.zeros((4, 1)),
        "inputs.x": np.array([[[x]]]),
    }
    with pytest.raises(GenerationError, match="is exactly at a kink"):
        prove(wanted, Arrays.from_tensors(tensors))
    beside = prove(wanted, Arrays.from_tensors({**tensors, "inputs.x": np.array([[[x * 0.999 + 1e-3]]])})).outputs
    assert np.isfinite(beside["d_x"]).all()


# kappa.


def test_kappa_is_the_same_one_sample_after_the_other_and_all_at_once() -> None:
    fields: dict[str, Any] = {"T": 6, "B": 8, "H": 16}
    alone, together = case(**fields), case(**fields, gradients=None)
    one, all_at_once = kappa(alone, make_arrays(alone)), kappa(together, make_arrays(together))
    for name in ("y", "c_n"):
        ratio = np.sqrt(np.mean(one[name] ** 2) / np.mean(all_at_once[name] ** 2))
        assert ratio == pytest.approx(1.0, abs=0.1)
