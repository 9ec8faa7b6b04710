"""One prepared model called in turn: what each call is given, how answers are joined, and that leaks are caught."""

import math
from typing import Any

import numpy as np
import pytest
from plain_lstm import in_float64

from conformance.adapters.base import Adapter, Model
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.model import Case
from conformance.case.outcomes import Failed, Passed
from conformance.case.tensors import Array, Arrays, Inputs, Outputs, Weights
from conformance.golden.inputs import make_arrays
from conformance.lstm.kappa import kappa
from conformance.lstm.reference import Reference
from conformance.verdict.compare import judge


def a_case(**fields: Any) -> Case:
    sizes = {"T": 4, "B": 6, "I": 2, "H": 3, "calls": [1, 3, 2], "seed": 5}
    return Case.model_validate({"id": "test/calls"} | sizes | fields)


class Recorder(Adapter):
    """Keeps what it is given; answers with tensors that say which call they come from."""

    name = "recorder"
    capabilities = Capabilities(
        directions=frozenset({"forward", "reverse", "bidirectional"}), lengths="each", min_length=0, holes=True
    )

    def __init__(self) -> None:
        super().__init__()
        self.prepared = 0
        self.seen: list[Inputs] = []

    @property
    def versions(self) -> dict[str, str]:
        return {"recorder": "1"}

    def prepare(self, case: Case, weights: Weights) -> Model:
        self.prepared += 1

        def model(inputs: Inputs) -> Outputs:
            self.seen.append(inputs)
            rows = inputs.x.shape[1]
            shapes = {n: (*s[:-2], rows, s[-1]) for n, s in case.outputs.items()}
            return {name: np.full(shape, float(len(self.seen)), case.np_dtype) for name, shape in shapes.items()}

        return model


FIELDS: list[dict[str, Any]] = [
    {},
    {"direction": "bidirectional", "layers": 2, "head": {"O": 2}},
    {"head": {"O": 2, "after": "last_step"}},
    {"lengths": [4, 0, 1, 2, 3, 4]},
    {"skip": [[], [0], [1], [2, 3], [], [0, 1, 2, 3]], "direction": "reverse"},
    {"skip": [[]] * 6, "lengths": [1, 2, 3, 4, 3, 2], "h0": None},
    {"h0": None, "c0": None},
]


@pytest.mark.parametrize("fields", FIELDS, ids=str)
def test_each_call_has_its_own_rows_and_the_answers_are_joined_in_order(fields: dict[str, Any]) -> None:
    case = a_case(**fields)
    arrays, adapter = make_arrays(case), Recorder()
    got = adapter.run(case, arrays.weights, arrays.inputs)
    assert adapter.prepared == 1
    whole = arrays.inputs
    for inputs, rows in zip(adapter.seen, (slice(0, 1), slice(1, 4), slice(4, 6)), strict=True):
        for name in ("x", "mask", "h0", "c0"):
            given, array = getattr(inputs, name), getattr(whole, name)
            assert (given is None) is (array is None), name
            assert array is None or np.array_equal(given, array[:, rows]), name
        assert (inputs.lengths is None) is (whole.lengths is None)
        assert whole.lengths is None or inputs.lengths.tolist() == whole.lengths[rows].tolist()
    assert {name: array.shape for name, array in got.items()} == case.outputs
    for array in got.values():
        numbers = np.moveaxis(array, -2, 0).reshape(6, -1)
        assert np.array_equal(numbers, np.broadcast_to([[1], [2], [2], [2], [3], [3]], numbers.shape))


def test_without_calls_there_is_one() -> None:
    case = a_case(calls=None)
    arrays, adapter = make_arrays(case), Recorder()
    adapter.run(case, arrays.weights, arrays.inputs)
    (inputs,) = adapter.seen
    assert inputs.x is arrays.inputs.x


# Leaks: each adapter is right the first time it is called.


class KeepsItsState(NumpyReference):
    """Where a call gives no state it goes on from the last call's, as a stateful layer that nobody resets."""

    def prepare(self, case: Case, weights: Weights) -> Model:
        model = super().prepare(case, weights)
        kept: dict[str, Array] = {}

        def stateful(inputs: Inputs) -> Outputs:
            rows = inputs.x.shape[1]
            states = {n: np.resize(a, (*a.shape[:1], rows, a.shape[2])) for n, a in kept.items()}
            outputs = model(Inputs(inputs.x, inputs.lengths, inputs.mask, **states) if kept else inputs)
            kept.update(h0=outputs["h_n"], c0=outputs["c_n"])
            return outputs

        return stateful


class KeepsItsLengths(NumpyReference):
    """Builds its mask in the first call and uses it in every other."""

    def prepare(self, case: Case, weights: Weights) -> Model:
        model = super().prepare(case, weights)
        first: list[Array] = []

        def cached(inputs: Inputs) -> Outputs:
            assert inputs.lengths is not None
            first.append(inputs.lengths)
            lengths = np.resize(first[0], inputs.lengths.shape)
            return model(Inputs(inputs.x, lengths, inputs.mask, inputs.h0, inputs.c0))

        return cached


class ReusesItsBuffer(NumpyReference):
    """Hands out one buffer, which every call writes into."""

    def prepare(self, case: Case, weights: Weights) -> Model:
        model = super().prepare(case, weights)
        buffers: Outputs = {}

        def in_place(inputs: Inputs) -> Outputs:
            outputs = model(inputs)
            for name, array in outputs.items():
                buffer = buffers.setdefault(name, array.copy())
                buffer[:] = array
            return dict(buffers)

        return in_place


class OnlyTheFirst(NumpyReference):
    """Answers every call with what it found for the first."""

    def prepare(self, case: Case, weights: Weights) -> Model:
        model = super().prepare(case, weights)
        found: list[Outputs] = []

        def frozen(inputs: Inputs) -> Outputs:
            found.append(model(inputs))
            return found[0]

        return frozen


def verdict(adapter: Adapter, case: Case) -> Passed | Failed:
    arrays = make_arrays(case)
    wide = case.model_copy(update={"dtype": "float64"})
    golden, scale = Reference(wide).run(in_float64(arrays)), kappa(case, arrays)
    outputs = adapter.run(case, arrays.weights, arrays.inputs)
    return judge(case, outputs, golden, scale, precision=case.dtype)


LEAKS: list[tuple[type[Adapter], dict[str, Any]]] = [
    (KeepsItsState, {"h0": None, "c0": None}),
    (KeepsItsLengths, {"lengths": [4, 1, 2, 3, 2, 4], "padding": math.nan}),
    (ReusesItsBuffer, {"calls": [2, 2, 2]}),
    (OnlyTheFirst, {"calls": [3, 3]}),
]


@pytest.mark.parametrize(("adapter", "fields"), LEAKS, ids=lambda value: getattr(value, "__name__", ""))
def test_an_adapter_that_leaks_from_call_to_call_is_caught_by_calls_and_by_nothing_less(
    adapter: type[Adapter], fields: dict[str, Any]
) -> None:
    assert isinstance(verdict(NumpyReference(), a_case(**fields)), Passed)
    assert isinstance(verdict(adapter(), a_case(**fields | {"calls": None})), Passed)
    outcome = verdict(adapter(), a_case(**fields))
    assert isinstance(outcome, Failed)
    assert "y" in {d.tensor for d in outcome.differences}


def test_arrays_given_to_a_call_are_views_that_nobody_has_to_copy() -> None:
    case = a_case()
    arrays: Arrays = make_arrays(case)
    arrays.inputs.x.flags.writeable = False
    adapter = Recorder()
    adapter.run(case, arrays.weights, arrays.inputs)
    assert all(np.shares_memory(inputs.x, arrays.inputs.x) for inputs in adapter.seen)
    assert not any(inputs.x.flags.writeable for inputs in adapter.seen)  # and so stays what it is for the next call
