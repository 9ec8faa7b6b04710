"""What must not change the reference's answer: neighbours, padding, the way a sequence is handed over."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from reference_cases import answer, assert_close, case

from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.tensors import Array, Arrays
from conformance.golden.inputs import make_arrays


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
