"""Masks, layouts, calls in turn and the other options of Keras' adapters, against the reference in float64.

Keras has one backend a process, so this module tests the one that KERAS_BACKEND names (tensorflow where it names none);
the export goes with tensorflow.
"""

from __future__ import annotations

import functools
import math
import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.adapters.base import Adapter
from conformance.adapters.keras_export import KerasOnnx
from conformance.adapters.keras_lstm import KerasJax, KerasTensorflow, KerasTorch
from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.errors import AdapterUnavailable
from conformance.case.model import Case
from conformance.case.tensors import Arrays, Inputs, Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.reference import Reference
from conformance.verdict.contracts import Contracts

# The frameworks' own warnings are theirs: they deprecate parts of one another and of NumPy.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning"),
]

BACKEND = os.environ.get("KERAS_BACKEND", "tensorflow")
LAYERS = {"tensorflow": KerasTensorflow, "jax": KerasJax, "torch": KerasTorch}
Fields = dict[str, Any]

FACTOR = 5.0
"""How many times u * sqrt(T * n) an honest error may be, n being I + H."""

NAN, INFINITY = math.nan, math.inf
UPSTREAM: Fields = {"lengths_via": "upstream"}
NO_STATES: Fields = {"h0": None, "c0": None}
LENGTHS: Fields = {"lengths": (3, 5, 2)}
HOLES: Fields = {"skip": ((1, 2), (0, 4), (1,))}
REVERSE: Fields = {"direction": "reverse"}
BIDIRECTIONAL: Fields = {"direction": "bidirectional"}


def case_of(fields: Fields) -> Case:
    return Case(**({"id": "test/keras", "seed": 7, "T": 5, "B": 3, "I": 4, "H": 6} | fields))


def ids(fields: Fields) -> str:
    return case_of(fields).summary()


@functools.cache
def adapter_of(kind: type[Adapter]) -> Adapter:
    for package in ("keras", BACKEND, *(("tf2onnx", "onnxruntime") if kind is KerasOnnx else ())):
        pytest.importorskip(package)
    try:
        return kind()
    except AdapterUnavailable as error:  # another module has brought Keras or a GPU into this process
        pytest.skip(str(error))


@pytest.fixture
def layers() -> Adapter:
    return adapter_of(LAYERS[BACKEND])


@pytest.fixture
def export() -> Adapter:
    if BACKEND != "tensorflow":
        pytest.skip("goes with KERAS_BACKEND=tensorflow")
    return adapter_of(KerasOnnx)


def truth(adapter: Adapter, case: Case, arrays: Arrays) -> Outputs:
    contracts = Contracts(adapter.padded_y(case), adapter.empty_rows(case))
    return contracts.applied(case, Reference(case).run(arrays.in_dtype(np.float64)))


def assert_agrees(adapter: Adapter, fields: Fields) -> Outputs:
    """Every element is right: those at steps left out, and NaN and infinities where they belong."""
    case = case_of(fields)
    arrays = make_arrays(case)
    got, golden = adapter.run(case, arrays.weights, arrays.inputs), truth(adapter, case, arrays)
    bound = FACTOR * UNIT_ROUNDOFF[case.dtype] * math.sqrt(case.T * (case.I + case.H))
    for name, shape in case.outputs.items():
        assert (got[name].shape, got[name].dtype) == (shape, case.np_dtype), name
        largest = np.max(np.abs(golden[name][np.isfinite(golden[name])]), initial=1.0)
        np.testing.assert_allclose(
            got[name].astype(np.float64), golden[name], rtol=0, atol=bound * largest, err_msg=name
        )
    return got


# What Keras gets wrong here is written down, with its proof, where deviations are: a mask from upstream next to initial
# states; the mask behind a layer that goes backwards; on JAX, an initial h in front of a row's first step.
STATES = NO_STATES if BACKEND == "jax" else {}
MASKED: list[Fields] = [
    HOLES | STATES,
    HOLES | STATES | REVERSE | {"padding": NAN},
    HOLES | LENGTHS | BIDIRECTIONAL | {"layers": 3, "head": {"O": 2}},
    HOLES | STATES | REVERSE | {"layers": 2, "lengths_via": "argument"},
    {"lengths": (3, 0, 5)} | STATES,
    {"lengths": (0, 4, 2)} | BIDIRECTIONAL | {"layers": 3},
    {"lengths": (0, 0, 0)} | BIDIRECTIONAL,
    LENGTHS | BIDIRECTIONAL | {"lengths_via": "argument"},
    UPSTREAM | NO_STATES | HOLES | LENGTHS,
    UPSTREAM | NO_STATES | LENGTHS | REVERSE | {"dtype": "bfloat16"},
    UPSTREAM | NO_STATES | HOLES | {"layers": 3, "head": {"O": 2}},
    UPSTREAM | NO_STATES | LENGTHS | BIDIRECTIONAL | {"layers": 3, "padding": 0.0},
]


@pytest.mark.parametrize("fields", MASKED, ids=ids)
def test_steps_left_out(layers: Adapter, fields: Fields) -> None:
    assert_agrees(layers, fields)


@pytest.mark.parametrize(
    "fields",
    [
        HOLES | REVERSE,
        UPSTREAM | NO_STATES | HOLES | {"layers": 3},
        {"lengths": (3, 0, 5), "calls": (1, 2), "layers": 2},
        {"activations": {"gate": {"name": "hard_sigmoid", "defaults": "keras"}}, "layout": "batch_major"},
    ],
    ids=ids,
)
def test_an_exported_model_has_the_options_too(export: Adapter, fields: Fields) -> None:
    assert_agrees(export, fields)


def test_a_mask_changes_the_answer(layers: Adapter) -> None:
    answers = [assert_agrees(layers, fields)["h_n"] for fields in (NO_STATES, NO_STATES | HOLES, NO_STATES | LENGTHS)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(answers[one] - answers[other]).max() > 1e-3


@pytest.mark.parametrize("way", ["argument", "upstream"])
def test_the_mask_comes_by_the_way_that_is_asked_for(layers: Adapter, way: str) -> None:
    """With other numbers in the padding than those that mark it, a mask upstream is empty; an argument is as before."""
    case = case_of(LENGTHS | NO_STATES | {"lengths_via": way})
    arrays = make_arrays(case)
    model = layers.prepare(case, arrays.weights)
    x = np.where(arrays.inputs.x == case.padding, np.float32(0.5), arrays.inputs.x)
    marked, unmarked = (model(replace(arrays.inputs, x=each))["h_n"] for each in (arrays.inputs.x, x))
    if way == "argument":
        np.testing.assert_array_equal(marked, unmarked)
    else:
        whole = Reference(case_of(NO_STATES)).run(replace(arrays, inputs=Inputs(x)))["h_n"]
        np.testing.assert_allclose(unmarked, whole, atol=1e-6)
        assert np.abs(marked - unmarked).max() > 1e-3


CALLS: list[Fields] = [
    {"B": 7, "calls": (3, 1, 3)},
    {"B": 7, "calls": (3, 1, 3), "lengths": (2, 5, 3, 5, 1, 4, 3)} | BIDIRECTIONAL,
    {"B": 7, "calls": (3, 4), "lengths": (2, 5, 3, 5, 1, 4, 3), "layers": 3} | UPSTREAM | NO_STATES,
]


@pytest.mark.parametrize("fields", CALLS, ids=ids)
def test_calls_in_turn_see_nothing_of_one_another(layers: Adapter, fields: Fields) -> None:
    assert_agrees(layers, fields)


def test_batch_major_is_what_keras_has(layers: Adapter) -> None:
    """The layout says how the framework is called, so it changes no number."""
    plain, batch_major = (
        assert_agrees(layers, BIDIRECTIONAL | {"layout": layout}) for layout in ("time_major", "batch_major")
    )
    for name, array in plain.items():
        np.testing.assert_array_equal(array, batch_major[name])


DEFAULTS: dict[str, tuple[str, float]] = {
    "hard_sigmoid": ("gate", 0.2),
    "leaky_relu": ("cell", 0.01),
    "elu": ("cell", 0.5),
}
"""Keras' activations with parameters of their own: where to put each, and an alpha that is not Keras' default."""


@pytest.mark.parametrize("name", DEFAULTS)
def test_parameters_left_out_are_those_of_keras(layers: Adapter, name: str) -> None:
    place, other = DEFAULTS[name]
    given = {"name": name, "alpha": other} | ({"beta": 0.5} if name == "hard_sigmoid" else {})
    answers = []
    for chosen in ({"name": name, "defaults": "keras"}, given):
        activations = {place: chosen} | ({"hidden": chosen} if place == "cell" else {})
        answers.append(assert_agrees(layers, {"T": 2, "activations": activations})["h_n"])
    assert np.abs(answers[0] - answers[1]).max() > 1e-3


POISON = [
    ("x", (1, 2, 0), NAN),
    ("x", (1, 2, 0), INFINITY),
    ("W.0", (1, 4, 2), NAN),
    ("R.0", (3, 2, 5), INFINITY),
    ("b_w.0", (3, 1), NAN),
    ("h0", (0, 1, 3), -INFINITY),
    ("c0", (0, 2, 4), NAN),
]


@pytest.mark.parametrize(("tensor", "at", "value"), POISON, ids=lambda each: str(each).replace(" ", ""))
def test_what_is_not_finite_stays_where_it_belongs(
    layers: Adapter, tensor: str, at: tuple[int, ...], value: float
) -> None:
    assert_agrees(layers, {"T": 3, "lengths": (3, 2, 3), "poison": {"tensor": tensor, "at": at, "value": value}})


@pytest.mark.parametrize("sizes", [{"H": 128}, {"H": 129}, {"H": 256}, {"H": 257}, {"B": 101}], ids=ids)
def test_sizes_at_which_implementations_change_their_path(layers: Adapter, sizes: Fields) -> None:
    assert_agrees(layers, {"T": 2, "B": 2} | sizes)


EMPTY: list[Fields] = [{}, BIDIRECTIONAL | NO_STATES | {"layers": 2}, {"lengths": (), "head": {"O": 2}}]


@pytest.mark.skipif(BACKEND == "tensorflow", reason="raises there, which is written down where deviations are")
@pytest.mark.parametrize("fields", EMPTY, ids=lambda fields: ids({"B": 0} | fields))
def test_a_batch_of_no_rows(layers: Adapter, fields: Fields) -> None:
    assert_agrees(layers, {"B": 0} | fields)
