"""onnx.reference.ReferenceEvaluator, the ONNX project's own executable definition of its operators.

https://onnx.ai/onnx/api/reference.html. It represents the operator's specification, so its capabilities are all that
the operator accepts (https://onnx.ai/onnx/operators/onnx__LSTM.html): activations, with their parameters or their
defaults, peepholes, clip, input_forget, sequence_lens, both layouts, every direction, and the four float types of opset
22. The text says that clip "is applied to the input of activations"; h in Ht = ot (.) h(Ct) is one of its three
activations, so taken literally the clip bounds Ct on its way into h as well.

The specification says nothing about y past a row's length; engines that implement it put 0 there. Nor does it say
anything about rows of length 0 (https://github.com/onnx/onnx/issues/1674); without a step the initial state remains.
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
    """One LSTM node per layer, in onnx's reference evaluator."""

    name = "onnx-reference"
    capabilities = Capabilities(
        dtypes=frozenset({"float16", "bfloat16", "float32", "float64"}),
        directions=frozenset({"forward", "reverse", "bidirectional"}),
        lengths="each",
        min_length=0,
        lengths_via=frozenset({"argument"}),
        activations=onnx_model.ACTIVATIONS,
        batch_major=True,
        peephole=onnx_model.PEEPHOLE,
        gate_clip=frozenset({"all"}),
        coupling=onnx_model.COUPLING,
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import onnx.reference

        self._onnx: Any = onnx

    @property
    def versions(self) -> dict[str, str]:
        """The versions of onnx and of NumPy, with which the evaluator computes."""
        return {"onnx": self._onnx.__version__, "numpy": np.__version__}

    @property
    def settings(self) -> dict[str, str]:
        """Those of NumPy."""
        return of_numpy()

    def prepare(self, case: Case, weights: Weights) -> Model:
        """An evaluator with the case's ONNX model."""
        return onnx_model.prepare(case, weights, self.load)

    def load(self, case: Case, model: Any) -> onnx_model.Runner:
        """An evaluator with an ONNX model."""
        evaluator = self._onnx.reference.ReferenceEvaluator(model)

        def run(feeds: Mapping[str, Array]) -> list[Array]:
            # NumPy would warn about exp(-x) = infinity, which is right in a saturated sigmoid.
            with np.errstate(over="ignore", invalid="ignore"):
                found: list[Array] = evaluator.run(None, dict(feeds))
            return found

        return run
