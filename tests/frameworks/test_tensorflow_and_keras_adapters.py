"""The adapters of TensorFlow's block ops, of Keras and of its ONNX export against the reference in float64.

Keras has one backend a process, so this module tests the one that KERAS_BACKEND names (tensorflow where it
names none) and skips the rest, saying how to run them; the block ops and the export go with tensorflow.
"""

from __future__ import annotations

import functools
import math
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.adapters.base import Adapter
from conformance.adapters.keras_export import KerasOnnx
from conformance.adapters.keras_lstm import KerasJax, KerasLSTM, KerasTensorflow, KerasTorch
from conformance.adapters.tensorflow_block import BlockLSTM, BlockLSTMV2, LSTMBlockCell
from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.model import Case
from conformance.case.options import PARAMETERS
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.activations import FUNCTIONS
from conformance.lstm.reference import Reference
from conformance.verdict.contracts import Contracts

# The frameworks' own warnings are theirs: they deprecate parts of one another and of NumPy.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning"),
]

BACKEND = os.environ.get("KERAS_BACKEND", "tensorflow")
Kind = type[Adapter]
Fields = dict[str, Any]

PACKAGES: dict[Kind, tuple[str, ...]] = {
    BlockLSTM: ("tensorflow",),
    BlockLSTMV2: ("tensorflow",),
    LSTMBlockCell: ("tensorflow",),
    KerasTensorflow: ("keras", "tensorflow"),
    KerasJax: ("keras", "jax"),
    KerasTorch: ("keras", "torch"),
    KerasOnnx: ("keras", "tensorflow", "tf2onnx", "onnxruntime"),
}


def backend_of(kind: Kind) -> str:
    """The value of KERAS_BACKEND that an adapter is tested with."""
    return kind.backend if issubclass(kind, KerasLSTM) else "tensorflow"


HERE: list[Kind] = [kind for kind in PACKAGES if backend_of(kind) == BACKEND]
BLOCK_OPS: list[Kind] = [kind for kind in HERE if not issubclass(kind, KerasLSTM)]
EXPORT: list[Kind] = [kind for kind in HERE if kind is KerasOnnx]
KERAS: list[Kind] = [kind for kind in HERE if kind not in [*BLOCK_OPS, *EXPORT]]
LAYERS = BLOCK_OPS + KERAS
"""All but the export. An export takes seconds, so it has short lists of its own."""

FACTOR = 5.0
"""How many times u * sqrt(T * n) an honest error may be, n being I + H; 3.8 has been seen (a linear gate)."""

NAN = math.nan


def activation(name: str) -> Fields:
    values = {"alpha": 0.25, "beta": 0.375}
    return {"name": name} | {parameter: values[parameter] for parameter in PARAMETERS.get(name, ())}


def both(chosen: Fields) -> Fields:
    """G and Hh: Keras has one argument for the two."""
    return {"cell": chosen, "hidden": chosen}


HARD_SIGMOIDS = [{"name": "hard_sigmoid", "alpha": alpha, "beta": 0.5} for alpha in (1 / 6, 0.2)]
MIXED = [
    {"gate": HARD_SIGMOIDS[1], **both(activation("leaky_relu"))},
    {"gate": activation("affine"), **both(activation("scaled_tanh"))},
]
SHAPES: list[Fields] = [
    {},
    {"T": 1},
    {"T": 1, "layers": 2, "forget_bias": -0.75, "head": {"O": 3}},
    {"B": 1},
    {"T": 1, "B": 1, "I": 1, "H": 1},
    {"T": 20, "B": 7, "I": 3, "H": 17},
    {"H": 1, "direction": "bidirectional"},
    {"layers": 3, "h0": None},
    {"layers": 2, "c0": None, "head": {"O": 2, "after": "last_step"}},
    {"layers": 2, "forget_bias": 0.75, "bias": False},
    {"h0": None, "c0": None, "bias": False},
    {"blocks": (3, 1, 1), "h0": None, "c0": None, "head": {"O": 2}},
    {"blocks": (2, 3), "c0": None, "layers": 2, "head": {"O": 2, "after": "last_step"}},
    {"T": 3, "blocks": (1, 1, 1), "head": {"O": 2}},
    {"lengths": (3, 3, 3), "padding": NAN, "layers": 3},
    {"lengths": (3, 4, 2), "padding": NAN, "direction": "reverse", "layers": 2, "h0": None},
    {"lengths": (3, 5, 2), "padding": NAN, "bias": False},
    {"lengths": (3, 5, 1), "padding": NAN, "direction": "bidirectional", "layers": 2, "head": {"O": 2}},
    {"direction": "reverse", "layers": 2, "head": {"O": 2}},
    {"direction": "reverse", "bias": False, "c0": None},
    {"direction": "bidirectional", "layers": 3, "head": {"O": 2}},
]
NAMES = list(FUNCTIONS)
HALF_TYPES = ["float16", "bfloat16"]
if BACKEND == "jax":
    # JAX compiles every model anew, so fewer must do. The adapter is the same on all backends.
    SHAPES, NAMES, HALF_TYPES = SHAPES[1::2], ["tanh", "hard_sigmoid", "elu", "softsign"], ["bfloat16"]
ACTIVATIONS: list[Fields] = [
    *(
        {"T": 3, "activations": {"gate": activation(gate), **both(activation(cell))}}
        for gate, cell in zip(NAMES, [*NAMES[1:], NAMES[0]], strict=True)
    ),
    *({"T": 3, "activations": {"gate": hard_sigmoid}} for hard_sigmoid in HARD_SIGMOIDS),
    {"activations": MIXED[0], "direction": "bidirectional", "lengths": (3, 5, 2)},
    {"activations": MIXED, "direction": "bidirectional", "layers": 2},
    {"activations": [{}, MIXED[1]], "direction": "bidirectional"},
    {"activations": MIXED[1], "direction": "reverse"},
]
# An export takes seconds, so these few stand for all.
EXPORTED: list[Fields] = [
    {"layers": 2, "c0": None, "head": {"O": 2}},
    {"direction": "reverse", "h0": None, "c0": None, "bias": False},
    {"direction": "bidirectional", "layers": 2, "head": {"O": 2}},
    {"blocks": (3, 1, 1), "h0": None, "c0": None, "head": {"O": 2, "after": "last_step"}},
    {"lengths": (3, 5, 2), "direction": "reverse"},
    {"lengths": (3, 5, 2), "direction": "bidirectional"},
    {"T": 1, "B": 1, "I": 1, "H": 1, "lengths": (1,)},
    {"activations": [MIXED[0], {"gate": HARD_SIGMOIDS[0]}], "direction": "bidirectional"},
    {"activations": {"gate": activation("hard_sigmoid"), **both(activation("relu"))}},
]


def case_of(fields: Fields) -> Case:
    defaults: Fields = {"id": "test/adapter", "seed": 7, "T": 5, "B": 3, "I": 4, "H": 6}
    return Case(**(defaults | fields))


def adapter_of(kind: Kind) -> Adapter:
    for package in PACKAGES[kind]:
        pytest.importorskip(package)
    try:
        return _made(kind)
    except AdapterUnavailable as error:  # another module has brought Keras or a GPU into this process
        pytest.skip(str(error))


@functools.cache
def _made(kind: Kind, device: str = "cpu") -> Adapter:
    return kind(device)


def accepts(kind: Kind, *rows: Fields) -> bool:
    return all(kind.capabilities.refusal(case_of(fields)) is None for fields in rows)


def accepted(kinds: list[Kind], rows: list[Fields]) -> list[Any]:
    """Each adapter with each set of fields that its capabilities take."""
    taken = [(kind, fields) for kind in kinds for fields in rows if accepts(kind, fields)]
    return [pytest.param(kind, f, id=f"{kind.name}-{case_of(f).summary()}") for kind, f in taken]


def truth(case: Case, arrays: Arrays) -> Outputs:
    wide = {name: a if name == "inputs.lengths" else a.astype(np.float64) for name, a in arrays.flat.items()}
    return Reference(case).run(Arrays.from_tensors(wide))


def valid(case: Case) -> Array:
    """(T, B): whether a step lies within its row."""
    return np.arange(case.T)[:, None] < np.array(case.lengths or [case.T] * case.B)


def assert_right(case: Case, got: Outputs, golden: Outputs) -> None:
    """Right within its rows; what the padding holds is a contract of its own."""
    assert set(got) == set(case.outputs)
    bound = FACTOR * UNIT_ROUNDOFF[case.dtype] * math.sqrt(case.T * (case.I + case.H))
    for name, shape in case.outputs.items():
        assert got[name].shape == shape, name
        assert got[name].dtype == case.np_dtype, name
        assert got[name].flags.c_contiguous, name
        assert got[name].flags.owndata, name
        error = np.abs(got[name].astype(np.float64) - golden[name])
        if name == "y" or (name == "logits" and len(shape) == 3):
            error = error[valid(case)]
        assert error.max() <= bound * max(1.0, np.abs(golden[name]).max()), name


def assert_agrees(adapter: Adapter, fields: Fields) -> None:
    case = case_of(fields)
    arrays = make_arrays(case)
    assert_right(case, adapter.run(case, arrays.weights, arrays.inputs), truth(case, arrays))


@pytest.mark.parametrize(("kind", "fields"), accepted(LAYERS, SHAPES + ACTIVATIONS))
def test_agrees_in_float32(kind: Kind, fields: Fields) -> None:
    assert_agrees(adapter_of(kind), fields)


HALF: list[Fields] = [
    {"layers": 2, "head": {"O": 2}, "lengths": (3, 3, 3), "padding": NAN},
    {"direction": "bidirectional", "activations": MIXED, "lengths": (3, 5, 2), "padding": NAN, "c0": None},
    {"direction": "reverse", "activations": {"gate": HARD_SIGMOIDS[0]}, "bias": False},
    *([{"T": 1, "layers": 2}] if BLOCK_OPS else []),
]


@pytest.mark.parametrize(
    ("kind", "fields"), accepted(LAYERS, [row | {"dtype": dtype} for row in HALF for dtype in HALF_TYPES])
)
def test_agrees_in_half_precision(kind: Kind, fields: Fields) -> None:
    assert_agrees(adapter_of(kind), fields)


# Keras' float64 is wrong in places, recorded where deviations are: everywhere on JAX, with masks and with a
# head on PyTorch, and with leaky_relu on TensorFlow.
ELU = {"gate": HARD_SIGMOIDS[1], **both(activation("elu"))}
FLOAT64: list[Fields] = [
    {"layers": 3},
    {"direction": "bidirectional", "c0": None},
    {"direction": "reverse", "activations": ELU, "bias": False},
    *([{"lengths": (3, 5, 2), "padding": NAN, "head": {"O": 2}}] if BACKEND == "tensorflow" else []),
]


@pytest.mark.skipif(BACKEND == "jax", reason="Keras computes no float64 on JAX, whatever it says")
@pytest.mark.parametrize(("kind", "fields"), accepted(KERAS, [row | {"dtype": "float64"} for row in FLOAT64]))
def test_agrees_in_float64(kind: Kind, fields: Fields) -> None:
    assert_agrees(adapter_of(kind), fields)


@pytest.mark.parametrize(("kind", "fields"), accepted(EXPORT, EXPORTED))
def test_an_exported_model_agrees(kind: Kind, fields: Fields) -> None:
    assert_agrees(adapter_of(kind), fields)


ON_GPU: list[Fields] = [{}, {"lengths": (3, 3, 3), "layers": 2}, {"T": 1, "dtype": "float16"}]


@pytest.mark.parametrize(("kind", "fields"), accepted(BLOCK_OPS, ON_GPU))
def test_agrees_on_a_gpu(kind: Kind, fields: Fields) -> None:
    adapter_of(kind)
    try:
        adapter = _made(kind, "gpu")
    except AdapterUnavailable as error:
        pytest.skip(str(error))
    assert_agrees(adapter, fields)


PADDED = [
    {"lengths": (3, 3, 3), "padding": NAN},
    {"lengths": (3, 5, 2), "padding": NAN},
    {"lengths": (3, 5, 2), "padding": NAN, "layers": 2, "direction": "bidirectional"},
    # With an h0, Keras on JAX leaves that h0 in the padding.
    {"lengths": (3, 5, 2), "padding": NAN, "direction": "reverse", "h0": None},
]


@pytest.mark.parametrize(("kind", "fields"), accepted(LAYERS, PADDED))
def test_padding_holds_what_the_adapter_says(kind: Kind, fields: Fields) -> None:
    adapter, case = adapter_of(kind), case_of(fields)
    arrays = make_arrays(case)
    y = adapter.run(case, arrays.weights, arrays.inputs)["y"]
    blank = {"y": np.where(valid(case)[..., None], y, np.zeros_like(y))}
    assert (y == Contracts(padded_y=adapter.padded_y(case)).applied(case, blank)["y"]).all()


CALLED: dict[str, list[Fields]] = {
    "block ops": [{"T": 1, "layers": 2, "head": {"O": 2}}, {"lengths": (3, 3, 3), "head": {"O": 2}}],
    "keras": [
        {"lengths": (3, 5, 2), "direction": "bidirectional", "dtype": "bfloat16", "head": {"O": 2}},
        {"layers": 2, "head": {"O": 2, "after": "last_step"}},
    ],
    "export": [{"lengths": (4, 5, 2), "direction": "reverse"}],
}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        *accepted(BLOCK_OPS, CALLED["block ops"]),
        *accepted(KERAS, CALLED["keras"]),
        *accepted(EXPORT, CALLED["export"]),
    ],
)
def test_a_model_can_be_called_again(kind: Kind, fields: Fields) -> None:
    adapter, case = adapter_of(kind), case_of(fields)
    arrays, other = make_arrays(case), make_arrays(case_of(fields | {"seed": 8}))
    before = {name: array.tobytes() for name, array in arrays.flat.items()}
    for array in arrays.flat.values():
        array.flags.writeable = False  # as the arrays of a stored vector are
    model = adapter.prepare(case, arrays.weights)
    first = model(arrays.inputs)
    kept = {name: array.tobytes() for name, array in first.items()}
    inputs = {name: array for name, array in other.flat.items() if name.startswith("inputs.")}
    assert_right(case, model(other.inputs), truth(case, Arrays.from_tensors(dict(arrays.flat) | inputs)))
    again = model(arrays.inputs)
    for name, data in kept.items():
        assert data == first[name].tobytes() == again[name].tobytes(), name
    assert before == {name: array.tobytes() for name, array in arrays.flat.items()}


REFUSED: list[tuple[Kind, Fields, str]] = [
    *((kind, {"T": 1, "direction": "reverse"}, "runs forward, not reverse") for kind in BLOCK_OPS),
    *((kind, {"T": 1, "dtype": "float64"}, "float16 and float32, not in float64") for kind in BLOCK_OPS),
    *((kind, {"T": 1, "activations": both(activation("relu"))}, "does not take relu") for kind in BLOCK_OPS),
    (BlockLSTM, {"lengths": (3, 5, 2)}, "one length for the whole batch"),
    (BlockLSTMV2, {"forget_bias": 1.0}, "no forget bias at run time"),
    (LSTMBlockCell, {"T": 2}, "at most 1 step"),
    (LSTMBlockCell, {"T": 1, "lengths": (1, 1, 1)}, "takes no lengths"),
    *((kind, {"forget_bias": 1.0}, "no forget bias at run time") for kind in KERAS + EXPORT),
    (KerasTensorflow, {"activations": {"cell": activation("relu")}}, "one activation for both"),
    (KerasOnnx, {"dtype": "float16"}, "computes in float32, not in float16"),
]


@pytest.mark.parametrize(("kind", "fields", "reason"), [row for row in REFUSED if row[0] in HERE])
def test_refuses(kind: Kind, fields: Fields, reason: str) -> None:
    case = case_of(fields)
    arrays = make_arrays(case)
    with pytest.raises(UnsupportedOption, match=reason):
        adapter_of(kind).run(case, arrays.weights, arrays.inputs)


@pytest.mark.parametrize("kind", HERE)
def test_names_the_packages_that_compute(kind: Kind) -> None:
    versions = adapter_of(kind).versions
    assert set(versions) >= set(PACKAGES[kind])
    assert all(versions.values())


@pytest.mark.skipif(not BLOCK_OPS, reason="goes with KERAS_BACKEND=tensorflow")
def test_says_plainly_that_there_is_no_gpu() -> None:
    adapter_of(BlockLSTM)
    import tensorflow as tf

    with pytest.raises(AdapterUnavailable, match="no device 'tpu'; it has cpu, gpu"):
        BlockLSTM("tpu")
    if tf.config.get_visible_devices("GPU"):
        pytest.skip("there is one")
    with pytest.raises(AdapterUnavailable, match="finds no GPU here"):
        BlockLSTM("gpu")


@pytest.mark.parametrize("kind", [kind for kind in PACKAGES if kind not in HERE], ids=lambda kind: kind.name)
def test_another_backend_needs_a_process_of_its_own(kind: Kind) -> None:
    if issubclass(kind, KerasLSTM):
        for here in LAYERS:
            adapter_of(here)
        with pytest.raises(AdapterUnavailable, match=f"but this process has it on {BACKEND}"):
            kind()
    pytest.skip(f"{kind.name} is tested with KERAS_BACKEND={backend_of(kind)}: run this module with that too")


@pytest.mark.skipif(not EXPORT, reason="goes with KERAS_BACKEND=tensorflow")
def test_an_export_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter, case = adapter_of(KerasOnnx), case_of({"T": 2})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    adapter.prepare(case, make_arrays(case).weights)
    assert list(tmp_path.iterdir()) == []
