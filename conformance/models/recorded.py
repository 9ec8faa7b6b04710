"""Numbers that were recorded elsewhere, on a phone or a board, as the answer to a layer's case."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from conformance.case.errors import ConformanceError
from conformance.case.model import Case
from conformance.case.tensors import Array, Outputs
from conformance.case.text import shortened, visible
from conformance.golden.vector import Vector
from conformance.models.inputs import read_arrays
from conformance.results.record import Record
from conformance.results.result import Result
from conformance.run.assess import of_outputs
from conformance.verdict.contracts import Contracts

_NAMES = {"Y": "y", "Y_h": "h_n", "Y_c": "c_n"}


def read_recorded(path: Path) -> dict[str, Array]:
    """y, h_n and c_n as far as a file has them, by these names or those of the ONNX operator.

    Raises:
        ConformanceError: the file cannot be read, or holds others.
    """
    found = {_NAMES.get(name, name): array for name, array in read_arrays(path).items()}
    if unknown := sorted(found.keys() - set(_NAMES.values())):
        raise ConformanceError(
            f"{path}: {shortened(repr(unknown[0]))} is not an output of an LSTM; they are called "
            f"{', '.join(_NAMES.values())}, or {', '.join(_NAMES)}"
        )
    if not found:
        raise ConformanceError(f"{path}: holds no arrays")
    return found


def judged(
    case: Case, vector: Vector, recorded: Outputs, path: Path, *, along_time: bool = False
) -> tuple[Record, list[str]]:
    """The judgement of what was recorded, and which outputs were not.

    y may be (T, B, D*P), or (T, D, B, P) as ONNX has it; in a batch-major case its first two axes may be swapped. What
    was not recorded is not judged; h_n of one layer is taken from y, which it is the end of.

    Raises:
        ConformanceError: an array is of another type than numbers.
    """
    outputs: Outputs = {}
    for name, array in recorded.items():
        if array.dtype.kind != "f" and array.dtype != case.np_dtype:
            raise ConformanceError(f"{path}: {name} is {array.dtype}; it needs to be floating-point numbers")
        outputs[name] = np.asarray(_turned(case, name, array), case.np_dtype)
    if "h_n" not in outputs and case.layers == 1 and outputs.get("y", np.empty(0)).shape == case.outputs["y"]:
        outputs["h_n"] = _last_h(case, outputs["y"])
    missing = sorted(case.outputs.keys() - outputs.keys())
    for name in missing:
        outputs[name] = np.zeros(case.outputs[name], case.np_dtype)  # never looked at
    contracts = Contracts(unjudged=frozenset(missing))
    outcome = of_outputs(case, vector, outputs, case.dtype, contracts, along_time=along_time)
    record = Result(case, visible(str(path)), outcome, precision=case.dtype).record()
    return record, [f"{path} has no {name}, which is not judged" for name in missing]


def _last_h(case: Case, y: Array) -> Array:
    """The h of the last step of each row's scans, where y has it; the golden value is 0 for a row without steps."""
    found = np.zeros(case.outputs["h_n"], y.dtype)
    halves = np.split(y, case.D, axis=-1)
    for b in range(case.B):
        if valid := case.valid_steps(b):
            for direction, half in enumerate(halves):
                found[direction, b] = half[valid[0] if case.reverse(direction) else valid[-1], b]
    return found


def _turned(case: Case, name: str, array: Array) -> Array:
    """An output in the suite's own layout, if it is in one of the others."""
    shape = case.outputs[name]
    if array.shape == shape:
        return array
    if name == "y" and array.shape == (case.T, case.D, case.B, case.output_size):
        return array.swapaxes(1, 2).reshape(shape)
    if array.ndim == 3 and array.shape == (shape[1], shape[0], shape[2]):
        return array.swapaxes(0, 1)
    return array
