"""The reference's single steps: each is computed in the dtype that goes in, and what is recorded of it is true."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from reference_cases import activation, answer, case

from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.golden.inputs import make_arrays
from conformance.lstm.activations import FUNCTIONS
from conformance.lstm.reference import Reference
from conformance.lstm.step import G, O, Scan, Step
from conformance.lstm.tape import Recorded

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
        {"peephole": True, "output_peephole": "previous-cell"},
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
