"""onnx.reference.ReferenceEvaluator, the ONNX project's own executable form of its operators.

https://onnx.ai/onnx/api/reference.html. It stands for the operator's specification, so what the operator
accepts (https://onnx.ai/onnx/operators/onnx__LSTM.html) is what is asked of it: activations, with their parameters
or their defaults, peepholes, clip, input_forget, sequence_lens, both layouts, every direction, and the four float types
of opset 22. Of clip the text says that it "is applied to the input of activations"; h in Ht = ot (.) h(Ct) is one of
the three activations it speaks of, so taken by the letter the clip bounds Ct on its way into h as well.

The specification says nothing about y past a row's length; 0 is what the engines that implement it put there. Of a row
of length 0 it says nothing either (https://github.com/onnx/onnx/issues/1674); no step leaves the initial state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from conformance.adapters import onnx_model
from conformance.adapters.base import Adapter, Model
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.settings import of_numpy
from conformance.case.model import Case
from conformance.case.tensors import Array, Weights


class OnnxEvaluator(Adapter):
    """One LSTM node a layer, in onnx's reference evaluator."""

    name = "onnx-reference"
    capabilities = Capabilities(
        dtypes=frozenset({"float16", "bfloat16", "float32", "float64"}),
        directions=frozenset({"forward", "reverse", "bidirectional"}),
        lengths="each",
        min_length=0,
        lengths_via=frozenset({"argument"}),
        activations=onnx_model.ACTIVATIONS,
        batch_major=True,
        peephole=True,
        gate_clip=frozenset({"all"}),
        coupling=onnx_model.COUPLING,
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import onnx.reference

        self._onnx: Any = onnx

    @property
    def versions(self) -> dict[str, str]:
        """The versions of onnx, and of NumPy, in which the evaluator is written."""
        return {"onnx": self._onnx.__version__, "numpy": np.__version__}

    @property
    def settings(self) -> dict[str, str]:
        """Those of NumPy."""
        return of_numpy()

    def prepare(self, case: Case, weights: Weights) -> Model:
        """An evaluator with the case's ONNX model."""
        return onnx_model.prepare(case, weights, self._load)

    def _load(self, model: Any) -> onnx_model.Runner:
        evaluator = self._onnx.reference.ReferenceEvaluator(model)

        def run(feeds: Mapping[str, Array]) -> list[Array]:
            # NumPy would warn of what is right in a saturated sigmoid, exp(-x) = infinity.
            with np.errstate(over="ignore", invalid="ignore"):
                found: list[Array] = evaluator.run(None, dict(feeds))
            return found

        return run
