"""The reference, held to an LSTM of plain loops over Python floats, and to what must not change its answer.

The options beyond the plain LSTM are in test_options_*.py, together with the oracle.
"""

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from plain_lstm import plain_lstm

from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.model import Case
from conformance.case.options import PARAMETERS, Activation
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.activations import FUNCTIONS
from conformance.lstm.reference import Reference
from conformance.lstm.step import G, O, Scan, Step
from conformance.lstm.tape import Recorded

HARD = {"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5}


def case(**fields: Any) -> Case:
    return Case.model_validate({"id": "fam/a", "T": 5, "B": 3, "I": 2, "H": 4, "dtype": "float64"} | fields)


def answer(wanted: Case, arrays: Arrays | None = None) -> Outputs:
    return Reference(wanted).run(arrays or make_arrays(wanted))


def assert_close(got: Outputs, wanted: Outputs) -> None:
    assert got.keys() == wanted.keys()
    for name in got:
        assert got[name].shape == wanted[name].shape, name
        np.testing.assert_allclose(got[name], wanted[name], rtol=1e-11, atol=1e-13, err_msg=name)


SPREAD: list[dict[str, Any]] = [
    {},
    {"direction": "reverse"},
    {"direction": "bidirectional"},
    {"T": 1, "B": 1, "I": 1, "H": 1},
    {"H": 1, "direction": "bidirectional", "layers": 2},
    {"lengths": [2, 5, 1]},
    {"lengths": [2, 5, 1], "direction": "reverse"},
    {"lengths": [2, 5, 1], "direction": "bidirectional", "padding": math.nan},
    {"lengths": [3, 3, 3], "direction": "reverse"},
    {"lengths": [4, 2, 5], "direction": "bidirectional", "layers": 3},
    {"layers": 2},
    {"layers": 2, "direction": "reverse"},
    {"layers": 3, "direction": "bidirectional"},
    {"h0": None},
    {"c0": None, "direction": "reverse"},
    {"h0": None, "c0": None, "direction": "bidirectional", "layers": 2},
    {"bias": False},
    {"forget_bias": 1.5},
    {"forget_bias": -2.0, "activations": {"gate": HARD}, "direction": "bidirectional"},
    {"x": {"uniform": {"low": -300.0, "high": 300.0}}},
    {"x": {"constant": 5000.0}},
    {"head": {"O": 3}},
    {"head": {"O": 2, "after": "last_step"}, "layers": 2},
    {"head": {"O": 3}, "direction": "bidirectional", "lengths": [1, 5, 2]},
    {"activations": [{"gate": HARD, "cell": "relu"}, {"hidden": "softsign"}], "direction": "bidirectional"},
    {"activations": [{"cell": "relu"}, {"cell": "softsign"}], "direction": "bidirectional", "layers": 2},
]


@pytest.mark.parametrize("fields", SPREAD, ids=str)
def test_the_reference_agrees_with_plain_loops(fields: dict[str, Any]) -> None:
    wanted = case(**fields)
    arrays = make_arrays(wanted)
    assert_close(answer(wanted, arrays), plain_lstm(wanted, arrays))


def activation(name: str, alpha: float = 0.3, beta: float = 0.6) -> dict[str, Any]:
    return {"name": name} | dict(zip(PARAMETERS.get(name, ()), (alpha, beta), strict=False))


@pytest.mark.parametrize("position", ["gate", "cell", "hidden"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_activation_agrees_with_plain_loops_in_every_position(name: str, position: str) -> None:
    wanted = case(activations={position: activation(name)}, direction="bidirectional")
    arrays = make_arrays(wanted)
    assert_close(answer(wanted, arrays), plain_lstm(wanted, arrays))


def test_outputs_have_the_case_s_names_and_shapes() -> None:
    wanted = case(layers=2, direction="bidirectional", head={"O": 3})
    assert {name: array.shape for name, array in answer(wanted).items()} == wanted.outputs


# What must not change the answer.


def only_row(arrays: Arrays, b: int) -> Arrays:
    def at(array: Array | None) -> Array | None:
        return None if array is None else array[:, b : b + 1]

    old = arrays.inputs
    lengths = None if old.lengths is None else old.lengths[b : b + 1]
    return replace(arrays, inputs=replace(old, x=old.x[:, b : b + 1], lengths=lengths, h0=at(old.h0), c0=at(old.c0)))


@pytest.mark.parametrize("extreme", [1e3, 1e30, 1e300, math.inf, math.nan])
@pytest.mark.parametrize("fields", [{}, {"lengths": [5, 2, 4], "direction": "bidirectional", "layers": 2}], ids=str)
def test_a_row_alone_is_the_same_row_beside_extreme_neighbours(fields: dict[str, Any], extreme: float) -> None:
    wanted = case(**fields)
    arrays = make_arrays(wanted)
    for array in (arrays.inputs.x, arrays.inputs.h0, arrays.inputs.c0):
        assert array is not None
        array[:, [0, 2]] = extreme
    batch = answer(wanted, arrays)
    lengths = None if wanted.lengths is None else (wanted.lengths[1],)
    alone = answer(wanted.model_copy(update={"B": 1, "lengths": lengths}), only_row(arrays, 1))
    assert_close({name: array[:, 1:2] for name, array in batch.items()}, alone)
    assert np.isfinite(alone["y"]).all()


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("padding", [math.nan, math.inf, -1e300])
def test_what_stands_in_padding_is_never_used(direction: str, padding: float) -> None:
    fields = {"lengths": [2, 5, 1], "direction": direction, "layers": 2, "head": {"O": 2}}
    zeros, other = answer(case(**fields, padding=0.0)), answer(case(**fields, padding=padding))
    for name, array in zeros.items():
        assert np.array_equal(array, other[name]), name
    for b, length in enumerate([2, 5, 1]):
        assert not other["y"][length:, b].any()


def test_the_final_states_are_those_of_each_row_s_last_valid_step() -> None:
    got = answer(case(lengths=[2, 5, 1], direction="bidirectional"))
    for b, length in enumerate([2, 5, 1]):
        assert np.array_equal(got["h_n"][0, b], got["y"][length - 1, b, :4])
        assert np.array_equal(got["h_n"][1, b], got["y"][0, b, 4:])


def test_a_reverse_scan_is_a_forward_scan_of_the_reversed_sequence() -> None:
    wanted = case(direction="reverse")
    arrays = make_arrays(wanted)
    turned = replace(arrays, inputs=replace(arrays.inputs, x=arrays.inputs.x[::-1]))
    forward = answer(case(direction="forward"), turned)
    assert_close(answer(wanted, arrays), forward | {"y": forward["y"][::-1]})


def test_the_inputs_and_weights_are_left_as_they_were() -> None:
    wanted = case(lengths=[2, 5, 1], layers=2, head={"O": 2})
    arrays = make_arrays(wanted)
    for array in arrays.flat.values():
        array.flags.writeable = False
    before = {name: array.tobytes() for name, array in arrays.flat.items()}
    answer(wanted, arrays)
    assert {name: array.tobytes() for name, array in arrays.flat.items()} == before


@pytest.mark.parametrize("blocks", [(1, 1, 1, 1, 1), (2, 3), (4, 1), (5,)])
@pytest.mark.parametrize(
    "fields",
    [{}, {"layers": 3}, {"h0": None, "c0": None}, {"head": {"O": 2}}, {"head": {"O": 2, "after": "last_step"}}],
    ids=str,
)
def test_a_stream_of_blocks_is_the_whole_sequence(fields: dict[str, Any], blocks: tuple[int, ...]) -> None:
    whole, stream = case(**fields), case(**fields, blocks=blocks)
    arrays, adapter = make_arrays(whole), NumpyReference()
    got = adapter.run(stream, arrays.weights, arrays.inputs)
    assert_close(got, adapter.run(whole, arrays.weights, arrays.inputs))
    assert {name: array.shape for name, array in got.items()} == stream.outputs


# The dtype that goes in is the dtype of every step.


class Watched(Reference):
    """The reference, noting every dtype it meets."""

    def __init__(self, wanted: Case) -> None:
        super().__init__(wanted)
        self.dtypes: set[str] = set()

    def observe(self, given: Scan, t: int, step: Step) -> None:
        records = (step.old, step.new, *step.gates, step)
        numbers = [getattr(record, field.name) for record in records for field in fields(record)]
        self.dtypes |= {str(number.dtype) for number in numbers if isinstance(number, np.ndarray)}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    "fields",
    [
        {"lengths": [2, 5, 1], "direction": "bidirectional", "layers": 2, "head": {"O": 2}, "forget_bias": 1.0},
        {"h0": None, "c0": None, "bias": False},
        {"peephole": True, "gate_clip": {"bound": 0.7, "reading": "all"}, "cell_clip": 0.6},
        {"coupling": "input=1-forget"},
        {"P": 3, "projection_bias": True, "projection_clip": 0.3, "coupling": "forget=1-input"},
        {"layer_norm": "nnapi", "peephole": True, "skip": [[1], [], [0, 4]]},
        {"layer_norm": "basic-lstm-cell", "bias": False, "forget_bias": 1.0},
        *({"activations": {p: activation(name) for p in ("gate", "cell", "hidden")}} for name in FUNCTIONS),
    ],
    ids=str,
)
def test_a_dtype_is_kept_through_every_step(fields: dict[str, Any], dtype: str) -> None:
    watched = Watched(case(dtype=dtype, **fields))
    outputs = watched.run(make_arrays(watched.case))
    assert watched.dtypes == {dtype}
    assert {str(array.dtype) for array in outputs.values()} == {dtype}


def test_float32_arithmetic_really_rounds_to_float32() -> None:
    wanted = case(T=20, dtype="float32")
    arrays = make_arrays(wanted)
    wide = Arrays.from_tensors({name: array.astype(np.float64) for name, array in arrays.flat.items()})
    exact = answer(wanted, wide)["y"]
    moved = np.abs(answer(wanted, arrays)["y"] - exact) / np.spacing(np.abs(exact).astype(np.float32))
    assert 0.5 < moved.max() < 1000


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_adapter_computes_half_precisions_in_float32_and_rounds_once(dtype: str) -> None:
    steep = {"uniform": {"gain": 6.0}}
    wanted = case(dtype=dtype, layers=2, T=100, H=40, weights={"W": steep, "R": steep})
    arrays = make_arrays(wanted)
    in_float32, in_float64 = (
        answer(wanted, Arrays.from_tensors({name: array.astype(wide) for name, array in arrays.flat.items()}))
        for wide in (np.float32, np.float64)
    )
    got = NumpyReference().run(wanted, arrays.weights, arrays.inputs)
    for name, array in in_float32.items():
        assert got[name].dtype == wanted.np_dtype
        assert np.array_equal(got[name], array.astype(wanted.np_dtype)), name
    # The case can tell the two apart: rounding errors grow until they show in half precision.
    assert not np.array_equal(got["y"], in_float64["y"].astype(wanted.np_dtype))


# What a step comes to.


EVERY_OPTION = [
    {"layers": 2, "direction": "bidirectional"},
    {"peephole": True, "forget_bias": 1.0, "gate_clip": {"bound": 0.7, "reading": "all"}, "cell_clip": 0.5},
    {"P": 2, "projection_bias": True, "projection_clip": 0.3, "coupling": "input=1-forget"},
    {"layer_norm": "basic-lstm-cell", "bias": False},
    {"layer_norm": "nnapi"},
]


@pytest.mark.parametrize("fields", EVERY_OPTION)
def test_the_records_of_a_run_are_the_numbers_of_its_answer(fields: dict[str, Any]) -> None:
    wanted = case(T=4, B=2, I=3, H=5, **fields)
    recorded = Recorded(wanted)
    outputs = recorded.run(make_arrays(wanted).in_dtype(np.float64))
    P = wanted.output_size
    assert [taped.scan.row for taped in recorded.tape] == list(range(wanted.layers * wanted.D))
    for taped in recorded.tape:
        scan, steps = taped.scan, taped.steps
        assert list(steps) == list(recorded.order(scan.direction, 4))
        before = scan.start
        for step in steps.values():
            assert step.old is before
            before = step.new
            for k, gate in enumerate(step.gates):
                assert np.array_equal(gate.value, recorded.squashed(step.act, k, gate.argument))
                assert np.array_equal(gate.argument, recorded.clipped_gate(k, gate.unclipped))
            assert np.array_equal(step.summed, recorded.cell(step.i, step.f, step.gates[G].value, step.old.c))
            assert np.array_equal(step.new.c, recorded.stored(step.summed, scan.weights))
            assert np.array_equal(step.hh, recorded.hidden(step.act, step.shown))
            assert np.array_equal(step.m, step.gates[O].value * step.hh)
            assert np.array_equal(step.new.h, recorded.clipped_projection(step.unbounded))
        assert np.array_equal(before.h, outputs["h_n"][scan.row]) and np.array_equal(before.c, outputs["c_n"][scan.row])
        if scan.row // wanted.D == wanted.layers - 1:
            half = outputs["y"][..., scan.direction * P : (scan.direction + 1) * P]
            assert all(np.array_equal(half[t], step.new.h) for t, step in steps.items())


def test_the_tape_is_that_of_the_last_run() -> None:
    wanted = case(T=3, layers=2)
    recorded, arrays = Recorded(wanted), make_arrays(wanted)
    recorded.run(arrays)
    recorded.run(arrays)
    assert [list(taped.steps) for taped in recorded.tape] == [[0, 1, 2]] * 2


# The activation functions, point by point.


POINTS: dict[str, dict[float, float]] = {
    "sigmoid": {0: 0.5, 1: 0.7310585786300049, -1: 0.2689414213699951, -50: 1.9287498479639178e-22, -1e4: 0, 1e4: 1},
    "tanh": {0: 0, 0.5: 0.46211715726000973, -2: -0.9640275800758169, 1e4: 1, -1e4: -1, 1e-9: 1e-9},
    "relu": {-3: 0, 0: 0, 0.25: 0.25, 1e30: 1e30},
    "hard_sigmoid": {0: 0.5, 1: 0.75, -1: 0.25, 2: 1, 2.5: 1, -2: 0, -2.5: 0, 1.5: 0.875},
    "affine": {0: 0.5, 2: 1, -4: -0.5, 100: 25.5},
    "leaky_relu": {3: 3, 0: 0, -4: -1, -1e30: -2.5e29},
    "thresholded_relu": {0.25: 0.25, 0.24999: 0, 0: 0, -5: 0, 0.26: 0.26, 7: 7},
    "scaled_tanh": {0: 0, 1: 0.25 * 0.46211715726000973, -4: -0.25 * 0.9640275800758169, 1e4: 0.25},
    "elu": {2: 2, 0: 0, -1: -0.15803013970713942, -50: -0.25, -1e-9: -2.49999999875e-10,
            -1e-30: -2.5e-31, 1e4: 1e4},
    "softsign": {0: 0, 1: 0.5, -3: -0.75, 1e9: 0.999999999, 0.25: 0.2},
    "softplus": {0: 0.6931471805599453, -1: 0.31326168751822286, 1e4: 1e4, -50: 1.9287498479639178e-22,
                 -80: 1.8048513878454153e-35},
    "linear": {-2.5: -2.5, 0: 0, 1e30: 1e30},
}  # fmt: skip
"""alpha = 0.25 and beta = 0.5 where a function takes them."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_at_chosen_points(name: str, dtype: str) -> None:
    points = POINTS[name]
    chosen = Activation.model_validate(activation(name, 0.25, 0.5))
    z = np.array([list(points)], dtype)
    with np.errstate(over="ignore"):
        got = Reference(case()).activation(chosen, z)
    assert got.dtype == dtype and got.shape == z.shape
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(got, [list(points.values())], rtol=4 * eps, atol=0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_of_nan_are_nan(name: str) -> None:
    chosen = Activation.model_validate(activation(name))
    with np.errstate(invalid="ignore"):
        assert np.isnan(Reference(case()).activation(chosen, np.array([math.nan]))).all()
