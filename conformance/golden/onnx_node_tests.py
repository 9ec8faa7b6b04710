"""Which mistakes the node tests of the ONNX operator LSTM, from the package `onnx`, catch under this suite's judge.

ONNX backends are tested with them: https://github.com/onnx/onnx/blob/main/docs/OnnxBackendTest.md. A test has inputs
and the expected values of the outputs that it names, which need not be all outputs.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from conformance.adapters.layouts import ONNX, unpack
from conformance.case.errors import ConformanceError
from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.golden.power import effects
from conformance.lstm.kappa import kappa
from conformance.lstm.mistakes import CATALOGUE

_OUTPUTS = ("y", "h_n", "c_n")
"""The canonical names of the operator's outputs, in the operator's order."""
_STATES = {"initial_h": "h0", "initial_c": "c0"}
_UNDERSTOOD = {"hidden_size", "direction", "layout"}
"""The attributes that a test may have; support for others would have to be added."""


def caught() -> dict[str, list[str]]:
    """Mistake id -> the tests that catch it, for every mistake of the catalogue.

    Raises:
        ConformanceError: the package onnx is not installed, or has a test that this module cannot read.
    """
    found: dict[str, list[str]] = {mistake.id: [] for mistake in CATALOGUE}
    for case, arrays, expected in load():
        for mistake_id, effect in effects(case, arrays, expected, kappa(case, arrays)).items():
            if effect.caught:
                found[mistake_id].append(case.id.partition("/")[2])
    return found


def load() -> list[tuple[Case, Arrays, Outputs]]:
    """Each test as a case, its arrays, and its expected outputs by canonical name.

    Raises:
        ConformanceError: the package onnx is not installed, or has a test that this module cannot read.
    """
    try:
        from onnx.backend.test.case.node import collect_testcases
    except ImportError as error:
        raise ConformanceError(
            f"ONNX's node tests need the package onnx: pip install 'lstm-conformance[onnx]' ({error})"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # collecting the tests of all operators divides by zero in places
        tests = collect_testcases("LSTM")
    return [_read(test) for test in tests]


def _read(test: Any) -> tuple[Case, Arrays, Outputs]:
    (node,) = test.model.graph.node
    attributes = {a.name: a.s.decode() if a.s else a.i for a in node.attribute}
    if not set(attributes) <= _UNDERSTOOD:
        raise ConformanceError(f"{test.name}: cannot read {', '.join(sorted(set(attributes) - _UNDERSTOOD))}")
    ((given, expected),) = test.data_sets
    named = dict(zip([name for name in node.input if name], given, strict=True))
    if attributes.get("layout"):
        named |= {name: _time_major(named[name]) for name in ("X", *_STATES) if name in named}
    tensors = _tensors(named)
    case = Case.model_validate(
        {
            "id": f"onnx-node-tests/{test.name.removeprefix('test_lstm_').replace('_', '-')}",
            **dict(zip("TBI", named["X"].shape, strict=True)),
            "H": attributes["hidden_size"],
            "direction": attributes.get("direction", "forward"),
            "dtype": named["X"].dtype.name,
            "layout": "batch_major" if attributes.get("layout") else "time_major",
            "bias": "B" in named,
            "peephole": "P" in named,
            "lengths": named["sequence_lens"].tolist() if "sequence_lens" in named else None,
            **{ours: None for theirs, ours in _STATES.items() if theirs not in named},
        }
    )
    outputs = dict(zip(_output_names(node), expected, strict=True))
    time_major = {n: _time_major(a) if attributes.get("layout") else a for n, a in outputs.items()}
    return case, Arrays.from_tensors(tensors), {n: _canonical(n, a, case) for n, a in time_major.items()}


def _output_names(node: Any) -> list[str]:
    return [ours for ours, theirs in zip(_OUTPUTS, node.output, strict=False) if theirs]


def _tensors(named: Mapping[str, Array]) -> dict[str, Array]:
    tensors = {"inputs.x": named["X"]}
    if "sequence_lens" in named:
        tensors["inputs.lengths"] = named["sequence_lens"].astype(np.int64)
    tensors |= {f"inputs.{ours}": named[theirs] for theirs, ours in _STATES.items() if theirs in named}
    for row in range(named["W"].shape[0]):
        own = {name: named[name][row] for name in ("W", "R", "B", "P") if name in named}
        zeros = {"B": np.zeros(8 * named["R"].shape[2], named["X"].dtype)}  # unpack requires every part
        weights = unpack(ONNX, zeros | own, named["W"].shape[2], named["R"].shape[2])
        kept = ["W", "R", *(["b_w", "b_r"] if "B" in own else []), *(["peephole"] if "P" in own else [])]
        tensors |= {f"weights.{name}.{row}": getattr(weights, name) for name in kept}
    return tensors


def _time_major(array: Array) -> Array:
    """Batch-major to time-major; the operator's layout applies to the states too."""
    return np.swapaxes(array, 0, 1) if array.ndim == 3 else array.transpose(1, 2, 0, 3)


def _canonical(name: str, array: Array, case: Case) -> Array:
    """Y (T, D, B, H) as y (T, B, D*H), states unchanged; in float64, like golden values."""
    array = array.astype(np.float64)
    return array.transpose(0, 2, 1, 3).reshape(case.T, case.B, -1) if name == "y" else array
