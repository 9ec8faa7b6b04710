"""The LSTM nodes of a model file in the engines that read ONNX, just as the file has them.

The adapters of the same engines build a node from a case, so a node that says the same in another way, with an older
version of the operator, an attribute written out or an input left empty, would not be tried. These run the file's own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from conformance.adapters.base import Adapter, Model
from conformance.adapters.onnx_evaluator import OnnxEvaluator
from conformance.adapters.onnx_model import Runner
from conformance.adapters.onnxruntime_lstm import OnnxRuntime
from conformance.adapters.openvino_lstm import OpenVino
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights
from conformance.case.text import shortened


class _Node(Adapter):
    """Prepares the node of a case from `nodes`/<id of the case>.onnx; its weights are in there."""

    nodes: ClassVar[Path]

    if TYPE_CHECKING:  # the engine's own, of the other base class

        def load(self, case: Case, model: Any) -> Runner: ...

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The node of the case."""
        import onnx

        path = self.nodes / f"{case.id}.onnx"
        if not path.exists():
            raise UnsupportedOption(f"{self.name}: {path.name} is not there: the case came from no ONNX node")
        stored = onnx.load(path)
        given = [value.name for value in stored.graph.input]
        with self._refusing():
            run = self.load(case, stored)

        def model(inputs: Inputs) -> Outputs:
            fed = {name: _feed(case, inputs, name) for name in given}
            with self._refusing():
                found = run(fed)
            return _outputs(case, found)

        return model

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        """An error that an engine raises is not a wrong answer: it refuses the node as it is."""
        try:
            yield
        except (UnsupportedOption, MemoryError):
            raise
        except Exception as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise UnsupportedOption(f"refuses the node: {shortened(lines[0], 300)}") from error


def _feed(case: Case, inputs: Inputs, name: str) -> Array:
    """An input of the node, by the operator's name."""
    if name == "sequence_lens":
        assert inputs.lengths is not None
        return inputs.lengths.astype(np.int32)
    array = {"X": inputs.x, "initial_h": inputs.h0, "initial_c": inputs.c0}[name]
    assert array is not None
    return np.ascontiguousarray(array.swapaxes(0, 1) if case.layout == "batch_major" else array)


def _outputs(case: Case, found: list[Array]) -> Outputs:
    """y, h_n and c_n from Y, Y_h and Y_c."""
    Y, h_n, c_n = found
    if case.layout == "batch_major":  # Y (B, T, D, H), states (B, D, H)
        return {
            "y": np.array(Y.swapaxes(0, 1).reshape(case.T, case.B, -1), order="C"),
            "h_n": np.array(h_n.swapaxes(0, 1), order="C"),
            "c_n": np.array(c_n.swapaxes(0, 1), order="C"),
        }
    return {"y": np.array(Y.swapaxes(1, 2).reshape(case.T, case.B, -1), order="C"), "h_n": h_n, "c_n": c_n}


class OnnxRuntimeNode(_Node, OnnxRuntime):
    """In onnxruntime."""

    name = "onnxruntime-node"


class OnnxReferenceNode(_Node, OnnxEvaluator):
    """In ONNX's reference evaluator."""

    name = "onnx-reference-node"


class OpenVinoNode(_Node, OpenVino):
    """In OpenVINO, computing in float32."""

    name = "openvino-node"
