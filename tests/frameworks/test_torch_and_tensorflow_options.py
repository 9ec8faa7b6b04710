"""The options of torch's layers, of TensorFlow's block ops and of TensorFlow 1's LSTMCell, under the suite's own judge.

Each adapter runs where its packages are installed and is skipped elsewhere. What a framework is known to get wrong
stands in deviations/, with a reproduction that is run in test_deviations.py; it is left out here.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest

from conformance.adapters.base import Adapter
from conformance.adapters.tensorflow_block import BlockLSTM, BlockLSTMV2, LSTMBlockCell
from conformance.adapters.tensorflow_cell import TF1LSTMCell
from conformance.adapters.torch_lstm import TorchLSTM, TorchLSTMCell
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.outcomes import Passed
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.kappa import kappa
from conformance.lstm.reference import Reference
from conformance.verdict.compare import judge
from conformance.verdict.contracts import Contracts

# tf_keras announces its end with every cell, TensorFlow deprecates parts of NumPy, torch says which kernel it takes.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:`tf.nn.rnn_cell.LSTMCell` is deprecated:UserWarning"),
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning"),
]

Fields = dict[str, Any]
Kind = type[Adapter]

PACKAGES: dict[Kind, tuple[str, ...]] = {
    TorchLSTM: ("torch",),
    TorchLSTMCell: ("torch",),
    BlockLSTM: ("tensorflow",),
    BlockLSTMV2: ("tensorflow",),
    LSTMBlockCell: ("tensorflow",),
    TF1LSTMCell: ("tensorflow", "tf_keras"),
}

NAN = math.nan
NO_STATES: Fields = {"h0": None, "c0": None}
BOTH: Fields = {"direction": "bidirectional"}
TURNED: Fields = {"layout": "batch_major"}
EMPTY: Fields = {"B": 0}
ONE_STEP: Fields = {"T": 1}
WIDE: Fields = {"c0": {"uniform": {"low": -3.0, "high": 3.0}}}
"""Cell states that a clip has something to do with, and of which it matters which one a gate looks at."""
PEEPHOLE: Fields = {"peephole": True} | WIDE
CELL_CLIP: Fields = {"cell_clip": 0.75} | WIDE
PROJECTION: Fields = {"P": 2}
EVERYTHING: Fields = PEEPHOLE | CELL_CLIP | PROJECTION | {"projection_clip": 0.25, "forget_bias": 0.75}


def poison(tensor: str, *at: int, value: float = NAN) -> Fields:
    return {"poison": {"tensor": tensor, "at": at, "value": value}}


RECURRENT: list[Fields] = [
    {"calls": (2, 1)},
    {"calls": (1, 2)} | NO_STATES,
    EMPTY,
    EMPTY | NO_STATES | {"head": {"O": 2}},
    poison("x", 2, 1, 3),
    poison("c0", 0, 2, 1, value=math.inf),
]
LAYERED: list[Fields] = [
    {"layers": 3, "calls": (2, 1)} | BOTH,
    TURNED,
    TURNED | BOTH | {"layers": 3, "head": {"O": 2}},
    TURNED | {"blocks": (2, 3), "head": {"O": 2, "after": "last_step"}},
    TURNED | BOTH | {"lengths": (3, 5, 2), "padding": NAN, "calls": (2, 1)},
    TURNED | EMPTY | BOTH,
    PROJECTION,
    PROJECTION | NO_STATES | BOTH,
    PROJECTION | {"layers": 3, "lengths": (3, 5, 2), "padding": NAN} | BOTH,
    PROJECTION | TURNED | {"blocks": (1, 4), "head": {"O": 3}},
    PROJECTION | EMPTY,
    PROJECTION | poison("projection.0", 1, 4),
]
TF_CELL: list[Fields] = [
    PEEPHOLE,
    PEEPHOLE | {"bias": False, "layers": 3},
    CELL_CLIP,
    CELL_CLIP | PEEPHOLE | {"forget_bias": 0.75},
    CELL_CLIP | poison("c0", 0, 2, 1),
    CELL_CLIP | PEEPHOLE | poison("c0", 0, 2, 1, value=-math.inf),
]
RIGHT: dict[Kind, list[Fields]] = {
    TorchLSTM: [
        *RECURRENT,
        *LAYERED,
        {"lengths": (3, 5, 2), "lengths_via": "packed"},
        {"lengths": (5, 3, 2), "lengths_via": "packed-sorted"} | BOTH,
        {"lengths": (4, 5, 2), "lengths_via": "packed-sorted", "calls": (1, 2)},
    ],
    TorchLSTMCell: [fields | ONE_STEP for fields in RECURRENT if "poison" not in fields],
    BlockLSTM: [*RECURRENT, *TF_CELL, {"lengths": (0, 0, 0), "padding": NAN, "layers": 2}],
    BlockLSTMV2: [*RECURRENT, *TF_CELL, {"lengths": (3, 3, 3), "padding": NAN, "layers": 2} | PEEPHOLE],
    LSTMBlockCell: [fields | ONE_STEP for fields in TF_CELL],
    TF1LSTMCell: [
        *RECURRENT,
        *LAYERED,
        *TF_CELL,
        EVERYTHING,
        EVERYTHING | BOTH | TURNED | {"layers": 3, "lengths": (3, 5, 2), "padding": NAN},
        EVERYTHING | {"layers": 3, "blocks": (2, 3)},
        EVERYTHING | poison("h0", 0, 2, 1),
        {"lengths": (3, 0, 2), "padding": NAN, "lengths_via": "argument"},
        {"lengths": (0, 4, 2), "padding": NAN, "layers": 3, "head": {"O": 2}} | BOTH | PROJECTION,
        {"lengths": (0, 0, 0), "padding": NAN} | BOTH,
        {"activations": [{}, {"cell": "softsign", "hidden": "softsign"}]} | BOTH,
    ],
}
FORMATS: dict[Kind, tuple[str, ...]] = {
    TorchLSTM: ("float32", "float64", "bfloat16"),
    TorchLSTMCell: ("float32",),
    BlockLSTM: ("float32", "float16"),
    BlockLSTMV2: ("float32",),
    LSTMBlockCell: ("float32", "float16"),
    TF1LSTMCell: ("float32", "float64"),
}
HALF_OF_TF1: list[Fields] = [
    {"dtype": dtype} | fields
    for dtype in ("float16", "bfloat16")
    for fields in (EVERYTHING | {"T": 3}, BOTH | {"lengths": (3, 5, 0)})
]


def case_of(fields: Fields) -> Case:
    return Case.model_validate({"id": "test/option", "seed": 7, "T": 5, "B": 3, "I": 4, "H": 6} | fields)


@functools.cache
def made(kind: Kind) -> Adapter:
    return kind("cpu")


def adapter_of(kind: Kind) -> Adapter:
    for package in PACKAGES[kind]:
        pytest.importorskip(package)
    return made(kind)


def answer(kind: Kind, fields: Fields) -> Outputs:
    case = case_of(fields)
    arrays = make_arrays(case)
    for array in arrays.flat.values():
        array.flags.writeable = False  # as the arrays of a stored vector are
    return adapter_of(kind).run(case, arrays.weights, arrays.inputs)


def right_cases() -> list[Any]:
    rows = [(k, {"dtype": dtype} | f) for k, found in RIGHT.items() for dtype in FORMATS[k] for f in found]
    rows += [(TF1LSTMCell, fields) for fields in HALF_OF_TF1]
    taken = [(k, f) for k, f in rows if "forget_bias" not in f or k.capabilities.forget_bias]
    return [pytest.param(k, f, id=f"{k.name}-{case_of(f).summary()}") for k, f in taken]


@pytest.mark.parametrize(("kind", "fields"), right_cases())
def test_is_right(kind: Kind, fields: Fields) -> None:
    adapter, case = adapter_of(kind), case_of(fields)
    arrays = make_arrays(case)
    wide = {n: a.astype(np.float64) if a.dtype == case.np_dtype else a for n, a in arrays.flat.items()}
    verdict = judge(
        case,
        answer(kind, fields),
        Reference(case).run(Arrays.from_tensors(wide)),
        kappa(case, arrays),
        precision=adapter.precision(case.dtype),
        contracts=Contracts(adapter.padded_y(case), adapter.empty_rows(case)),
    )
    assert isinstance(verdict, Passed), verdict


@pytest.mark.parametrize("kind", [TorchLSTM, TF1LSTMCell], ids=lambda kind: kind.name)
def test_the_batch_major_layout_changes_the_interface_and_no_number(kind: Kind) -> None:
    for fields in ({}, BOTH | {"lengths": (3, 5, 2), "head": {"O": 2}}):
        plain, turned = answer(kind, fields), answer(kind, fields | TURNED)
        for name, array in plain.items():
            assert np.array_equal(array, turned[name]), name
            assert turned[name].flags.c_contiguous, name


def test_torch_is_told_of_layout_projection_and_order() -> None:
    torch = pytest.importorskip("torch")
    from conformance.adapters import torch_module

    case = case_of(TURNED | PROJECTION | {"lengths": (5, 3, 2), "lengths_via": "packed-sorted"})
    module = torch_module.build(torch_module.LSTM, case, make_arrays(case).weights)
    assert module.layer.batch_first
    assert module.layer.proj_size == 2
    assert module(torch.zeros(3, 5, 4), torch.tensor([5, 3, 2]))[0].shape == (3, 5, 2)
    with pytest.raises(RuntimeError, match="sorted in decreasing order"):
        module(torch.zeros(3, 5, 4), torch.tensor([3, 5, 2]))


class TestRowsOfLengthZero:
    """sequence_length "to copy-through state and zero-out outputs"."""

    def test_leave_their_state_and_no_output(self) -> None:
        fields = {"lengths": (0, 5, 0), "layers": 3} | PROJECTION
        inputs, got = make_arrays(case_of(fields)).inputs, answer(TF1LSTMCell, fields)
        assert inputs.h0 is not None and inputs.c0 is not None
        assert not got["y"][:, [0, 2]].any()
        assert np.array_equal(got["h_n"][:, [0, 2]], inputs.h0[:, [0, 2]])
        assert np.array_equal(got["c_n"][:, [0, 2]], inputs.c0[:, [0, 2]])


def test_a_row_is_the_same_alone_and_beside_a_nan() -> None:
    for kind in (TorchLSTM, BlockLSTM, TF1LSTMCell):
        if all(_installed(package) for package in PACKAGES[kind]):
            clean, poisoned = answer(kind, {}), answer(kind, poison("x", 1, 2, 0))
            assert np.array_equal(clean["y"][:, :2], poisoned["y"][:, :2])
            assert np.isnan(poisoned["y"][1:, 2]).all()


def _installed(package: str) -> bool:
    try:
        __import__(package)
    except ImportError:
        return False
    return True


REFUSED: list[tuple[Kind, Fields, str]] = [
    (TorchLSTM, {"peephole": True}, "has no peepholes"),
    (TorchLSTM, {"cell_clip": 1.0}, "has no clip of the cell state"),
    (TorchLSTM, PROJECTION | {"projection_bias": True}, "has no projection bias"),
    (TorchLSTM, PROJECTION | {"projection_clip": 1.0}, "has no clip of the projection"),
    (TorchLSTM, {"P": 6}, "proj_size has to be smaller than hidden_size"),
    (TorchLSTM, {"lengths": (3, 5, 2), "lengths_via": "packed-sorted"}, "takes the longest row first"),
    (TorchLSTM, {"lengths": (5, 3, 2), "lengths_via": "argument"}, "does not take lengths by way of argument"),
    (TorchLSTM, {"lengths": (0, 5, 2)}, "takes lengths of 1 or more"),
    (TorchLSTM, EMPTY | {"lengths": ()}, "cannot pack empty tensors"),
    (TorchLSTM, {"skip": ((1,), (), ())}, "takes no mask with holes"),
    (TorchLSTMCell, ONE_STEP | PROJECTION, "has no projection"),
    (TorchLSTMCell, ONE_STEP | TURNED, "has no batch-major layout"),
    (BlockLSTM, PROJECTION, "has no projection"),
    (BlockLSTM, TURNED, "has no batch-major layout"),
    (BlockLSTM, {"gate_clip": {"bound": 1.0, "reading": "gates"}}, "has no gate_clip gates"),
    (BlockLSTMV2, {"forget_bias": 1.0} | PEEPHOLE, "has no forget bias at run time"),
    (LSTMBlockCell, EMPTY | ONE_STEP, "takes no empty cs_prev"),
    (TF1LSTMCell, {"direction": "reverse"}, "runs bidirectional and forward, not reverse"),
    (TF1LSTMCell, PROJECTION | {"projection_bias": True}, "has no projection bias"),
    (TF1LSTMCell, {"activations": {"gate": "relu"}}, "does not take relu as its gate activation"),
    (TF1LSTMCell, {"activations": {"cell": "relu"}}, "one activation for both"),
    (TF1LSTMCell, {"coupling": "input=1-forget"}, "has no coupling"),
    (TF1LSTMCell, {"layer_norm": "nnapi"}, "has no layer_norm"),
]


@pytest.mark.parametrize(("kind", "fields", "reason"), REFUSED)
def test_refuses(kind: Kind, fields: Fields, reason: str) -> None:
    with pytest.raises(UnsupportedOption, match=reason):
        answer(kind, fields)


class TestGroundsOfTheRefusals:
    """A refusal that no capability can express repeats what the framework says of itself, so it must still say it."""

    def test_torch_projects_to_less_than_the_cell_has(self) -> None:
        torch = pytest.importorskip("torch")
        with pytest.raises(ValueError, match="proj_size has to be smaller than hidden_size"):
            torch.nn.LSTM(4, 6, proj_size=6)

    def test_torch_packs_no_empty_batch(self) -> None:
        torch = pytest.importorskip("torch")
        with pytest.raises(RuntimeError, match="Cannot pack empty tensors"):
            torch.nn.utils.rnn.pack_padded_sequence(torch.zeros(5, 0, 4), torch.zeros(0, dtype=torch.int64))

    def test_the_block_cell_takes_no_empty_batch(self) -> None:
        tf = pytest.importorskip("tensorflow")
        vector: Array = np.zeros(6, np.float32)
        with pytest.raises(tf.errors.InvalidArgumentError, match="cs_prev_tensor is empty"):
            tf.raw_ops.LSTMBlockCell(
                x=np.zeros((0, 4), np.float32),
                cs_prev=np.zeros((0, 6), np.float32),
                h_prev=np.zeros((0, 6), np.float32),
                w=np.zeros((10, 24), np.float32),
                b=np.zeros(24, np.float32),
                **dict.fromkeys(("wci", "wcf", "wco"), vector),
            )


@pytest.mark.parametrize("kind", PACKAGES, ids=lambda kind: kind.name)
def test_versions_name_the_deciding_package_first(kind: Kind) -> None:
    assert tuple(adapter_of(kind).versions) == PACKAGES[kind]
