"""Streams of rows that end in different blocks: who is given which lengths, and what comes of them."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from plain_lstm import plain_lstm

from conformance.adapters.base import Model
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.model import Case
from conformance.case.outcomes import Failed, Passed
from conformance.case.tensors import Array, Arrays, Inputs, Outputs, Weights
from conformance.golden.inputs import make_arrays
from conformance.lstm.gradients import Gradients
from conformance.lstm.kappa import kappa
from conformance.lstm.reference import Reference
from conformance.verdict.compare import judge
from conformance.verdict.contracts import Contracts

BLOCKS, LENGTHS = (3, 2, 2), (7, 4, 2, 3)
"""A row for each end: of the sequence, within a later block, within the first, at a border."""


def stream(**fields: Any) -> Case:
    plain = {"T": 7, "B": 4, "I": 2, "H": 3, "dtype": "float64", "blocks": BLOCKS, "lengths": LENGTHS}
    return Case.model_validate({"id": "test/stream"} | plain | fields)


def test_each_block_has_what_is_left_of_the_lengths() -> None:
    assert stream().block_lengths == [(3, 3, 2, 3), (2, 1, 0, 0), (2, 0, 0, 0)]
    assert stream(lengths=None).block_lengths == [(3,) * 4, (2,) * 4, (2,) * 4]
    assert stream(blocks=None).block_lengths == [LENGTHS]
    assert stream().block_steps == [slice(0, 3), slice(3, 5), slice(5, 7)]
    assert stream(blocks=None).block_steps == [slice(0, 7)]


class Listening(NumpyReference):
    """The reference, noting what each call is given."""

    def prepare(self, case: Case, weights: Weights) -> Model:
        model = super().prepare(case, weights)
        self.calls: list[Inputs] = []

        def listening(inputs: Inputs) -> Outputs:
            self.calls.append(inputs)
            return model(inputs)

        return listening


def test_an_adapter_is_called_with_the_lengths_of_each_block_and_the_states_of_the_one_before() -> None:
    case, adapter = stream(layers=2), Listening()
    arrays = make_arrays(case)
    outputs = adapter.run(case, arrays.weights, arrays.inputs)
    assert [call.lengths.tolist() for call in adapter.calls if call.lengths is not None] == [
        list(lengths) for lengths in case.block_lengths
    ]
    assert [len(call.x) for call in adapter.calls] == list(BLOCKS)
    second, third = adapter.calls[1:]
    assert second.c0 is not None and third.c0 is not None
    for row in (2, 3):  # both have ended in the first block
        assert np.array_equal(third.c0[:, row], second.c0[:, row])
        assert np.array_equal(outputs["c_n"][:, row], second.c0[:, row])


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"layers": 3},
        {"h0": None, "c0": None},
        {"padding": math.nan},
        {"head": {"O": 2}},
        {"blocks": (1,) * 7},
        {"lengths": (5, 0, 7, 1)},
    ],
    ids=str,
)
def test_a_stream_is_the_whole_sequence_whatever_rows_have_ended(fields: dict[str, Any]) -> None:
    case = stream(**fields)
    arrays, adapter = make_arrays(case), NumpyReference()
    got = adapter.run(case, arrays.weights, arrays.inputs)
    assert {name: array.shape for name, array in got.items()} == case.outputs
    whole = case.model_copy(update={"blocks": None})
    for wanted in (adapter.run(whole, arrays.weights, arrays.inputs), plain_lstm(case, arrays)):
        for name, array in got.items():
            np.testing.assert_allclose(array, wanted[name], rtol=1e-12, atol=1e-13, err_msg=name)


# Contracts speak of a call: it knows nothing of the y of the calls before it.


def test_a_call_carries_its_own_y_alone() -> None:
    case = stream(H=1)
    y = np.zeros(case.outputs["y"])
    for row, length in enumerate(LENGTHS):
        y[:length, row] = np.arange(1, length + 1)[:, None]
    golden = {"y": y} | {name: np.ones(case.outputs[name]) for name in ("h_n", "c_n")}
    found = Contracts(padded_y="last").applied(case, golden)["y"][..., 0].T.tolist()
    assert found == [[1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 4, 0, 0], [1, 2, 2, 0, 0, 0, 0], [1, 2, 3, 0, 0, 0, 0]]


def test_a_row_without_a_step_in_the_last_block_is_an_empty_row_of_the_last_call() -> None:
    golden = {name: np.ones(shape) for name, shape in stream().outputs.items()}
    found = Contracts(empty_rows="zeros").applied(stream(), golden)
    for name in ("h_n", "c_n"):
        assert found[name][0, :, 0].tolist() == [1, 0, 0, 0]


class OfContract(NumpyReference):
    """The reference under a contract of its own, call by call."""

    def __init__(self, declared: Contracts) -> None:
        super().__init__()
        self.declared = declared

    def prepare(self, case: Case, weights: Weights) -> Model:
        model = super().prepare(case, weights)

        def under_contract(inputs: Inputs) -> Outputs:
            assert inputs.lengths is not None
            lengths = tuple(inputs.lengths.tolist())
            call = case.model_copy(update={"T": len(inputs.x), "lengths": lengths, "blocks": None})
            return self.declared.applied(call, model(inputs))

        return under_contract


ALL = [Contracts(padded_y, empty_rows) for padded_y in ("zeros", "last") for empty_rows in ("initial", "zeros")]


@pytest.mark.parametrize("declared", ALL, ids=str)
def test_an_adapter_that_keeps_its_contract_in_each_call_keeps_it_in_a_stream(declared: Contracts) -> None:
    case = stream(head={"O": 2}, layers=2)
    arrays = make_arrays(case)
    golden, scale = Reference(case).run(arrays), kappa(case, arrays)
    outputs = OfContract(declared).run(case, arrays.weights, arrays.inputs)
    for contracts in ALL:
        verdict = judge(case, outputs, golden, scale, precision="float64", contracts=contracts)
        assert isinstance(verdict, Passed if contracts == declared else Failed)


# What an interface takes.


def test_an_interface_without_a_length_of_0_takes_streams_in_which_every_row_lasts() -> None:
    packed = Capabilities(dtypes=frozenset({"float64"}), lengths="each")
    refused = "takes lengths of 1 or more; a row that ends early has fewer left in a later block"
    assert packed.refusal(stream()) == refused
    assert packed.refusal(stream(lengths=(7, 6, 6, 7))) is None
    assert packed.refusal(stream(blocks=None)) is None
    assert replace(packed, min_length=0).refusal(stream()) is None


# Gradients.


def by_blocks(case: Case, arrays: Arrays) -> Outputs:
    """Truncated gradients: those of each block by itself, from the state that the one before it returned."""
    inputs = arrays.inputs
    assert inputs.dy is not None and inputs.dh_n is not None and inputs.dc_n is not None
    weights: dict[str, Array] = {}
    dxs: list[Array] = []
    first: Outputs = {}
    h0, c0 = inputs.h0, inputs.c0
    for n, steps in enumerate(case.block_steps):
        last = float(n == len(BLOCKS) - 1)
        given = replace(inputs.block(steps), h0=h0, c0=c0, dy=inputs.dy[steps])
        given = replace(given, dh_n=inputs.dh_n * last, dc_n=inputs.dc_n * last)
        update = {"T": len(given.x), "lengths": case.block_lengths[n], "blocks": None, "gradients": "whole"}
        part = Gradients(case.model_copy(update=update)).run(Arrays(arrays.weights, given))
        first = first or part
        h0, c0 = part["h_n"], part["c_n"]
        dxs.append(part["d_x"])
        weights |= {f"d_{name}": weights.get(f"d_{name}", 0.0) + part[f"d_{name}"] for name in case.weight_shapes}
    return {"d_x": np.concatenate(dxs), "d_h0": first["d_h0"], "d_c0": first["d_c0"]} | weights


def test_truncated_gradients_end_at_the_borders_after_a_row_too() -> None:
    case = stream(layers=2, gradients="truncated")
    arrays = make_arrays(case)
    got = Gradients(case).run(arrays)
    for name, wanted in by_blocks(case, arrays).items():
        np.testing.assert_allclose(got[name], wanted, rtol=1e-12, atol=1e-14, err_msg=name)


def test_the_final_state_of_an_ended_row_counts_where_gradients_are_whole_and_not_where_they_are_truncated() -> None:
    prove = pytest.importorskip("conformance.lstm.oracle").prove
    found = {}
    for kind in ("whole", "truncated"):
        case = stream(gradients=kind, dy=None)
        arrays = make_arrays(case)
        proven = prove(case, arrays).outputs
        for name, array in Gradients(case).run(arrays).items():
            np.testing.assert_allclose(array, proven[name], rtol=1e-11, atol=1e-14, err_msg=name)
        found[kind] = proven["d_x"]
    assert all(found["whole"][0, row].any() for row in range(4))
    assert found["truncated"][5:, 0].any() and not found["truncated"][:5].any()
    assert not found["truncated"][:, 1:].any()
