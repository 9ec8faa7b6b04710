"""tract, through its reader of ONNX models.

https://github.com/sonos/tract; the operator is read by onnx/src/ops/rec/lstm.rs and common.rs there. It refuses any
sequence_lens but a constant that is T in every row, so the adapter takes no lengths; of the operator's attributes it
refuses none. The cell computes in f16 and f32 ("LstmEpilogue only supports f32 and f16 preactivations"). The
documentation does not say which of the two readings of clip is meant; onnxruntime's is declared.

Sizes are fixed before the model is loaded: tract infers the shapes inside a model from those of its inputs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.adapters import onnx_model
from conformance.adapters.base import Adapter, Model
from conformance.adapters.capabilities import Capabilities
from conformance.case.model import Case
from conformance.case.tensors import Array, Weights


class Tract(Adapter):
    """One LSTM node per layer, read and optimised by tract for the sizes of each call."""

    name = "tract"
    capabilities = Capabilities(
        dtypes=frozenset({"float16", "float32"}),
        directions=frozenset({"forward", "reverse", "bidirectional"}),
        activations=onnx_model.ACTIVATIONS,
        batch_major=True,
        peephole=onnx_model.PEEPHOLE,
        gate_clip=frozenset({"gates"}),
        coupling=onnx_model.COUPLING,
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import onnx  # noqa: F401  # it builds the models; missing, it should show now
        import tract

        self._tract: Any = tract

    @property
    def versions(self) -> dict[str, str]:
        """tract's version."""
        return {"tract": str(self._tract.version())}

    @property
    def settings(self) -> dict[str, str]:
        """The runtime that a model is prepared for."""
        return {"tract.runtime": str(self._tract.runtime_for_name("default").name())}

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The case's ONNX model, loaded when its sizes are known."""
        return onnx_model.prepare(case, weights, self.load)

    def load(self, case: Case, model: Any) -> onnx_model.Runner:
        """An ONNX model, loaded for each T and B that it is called with."""
        return onnx_model.for_each_size(model, self._loaded)

    def _loaded(self, model: Any) -> onnx_model.Runner:
        with tempfile.TemporaryDirectory() as folder:  # tract reads files only
            path = Path(folder, "model.onnx")
            path.write_bytes(model.SerializeToString())
            runnable = self._tract.onnx().load(path).into_model().into_runnable()
        names = [value.name for value in model.graph.input]

        def run(feeds: Mapping[str, Array]) -> list[Array]:
            return [output.to_numpy() for output in runnable.run([feeds[name] for name in names])]

        return run
