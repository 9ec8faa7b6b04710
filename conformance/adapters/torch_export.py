"""The two routes from torch to ONNX Runtime: nn.LSTM and the head, exported by torch.onnx.export.

    dynamo=True     https://docs.pytorch.org/docs/stable/onnx_export.html         through torch.export
    dynamo=False    https://docs.pytorch.org/docs/stable/onnx_torchscript.html    through a TorchScript trace

Both are used as their documentation shows: with an example call, names for inputs and outputs, and the dynamic axes
declared. The states are inputs of the exported model if the case has them. A route accepts what nn.LSTM accepts and
onnxruntime computes: float16 and float32, no reverse-only direction, no choice of activations. A projection (proj_size)
exists in nn.LSTM but not in the ONNX operator: each exporter decides whether it takes one.

Lengths per row are a packed sequence in torch. The TorchScript exporter turns that into sequence_lens. torch.export
cannot trace it, because its size depends on the values of the lengths
(https://github.com/pytorch/pytorch/issues/112044); its own error is passed on as the refusal here, so that a version
that can trace it is noticed.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import logging
import warnings
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.adapters import batch_major
from conformance.adapters.base import Adapter, Model, zeros_if_absent
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.onnx_model import Runner, feeds
from conformance.adapters.onnxruntime_lstm import DTYPES, Engine
from conformance.adapters.settings import of_torch
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Inputs, Outputs, Weights


def _axes(case: Case) -> dict[str, dict[int, str]]:
    """The axes of each input that are T and B."""
    x = {0: "B", 1: "T"} if case.layout == "batch_major" else {0: "T", 1: "B"}
    return {"x": x, "lengths": {0: "B"}, "h0": {1: "B"}, "c0": {1: "B"}}


class _TorchExport(Adapter):
    """The common part of the two routes; each has its own `export`."""

    capabilities = Capabilities(
        dtypes=DTYPES,
        directions=frozenset({"forward", "bidirectional"}),
        lengths="each",
        min_length=1,
        lengths_via=frozenset({"packed", "packed-sorted"}),
        batch_major=True,
        projection=True,
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import torch

        from conformance.adapters import torch_module

        self._torch: Any = torch
        self._modules = torch_module
        self._engine = Engine(device)

    @property
    def versions(self) -> dict[str, str]:
        """The versions of torch, which has the exporter, and of onnxruntime."""
        return {"torch": str(self._torch.__version__), "onnxruntime": self._engine.version}

    @property
    def settings(self) -> dict[str, str]:
        """Those of onnxruntime, which computes, and of torch, whose exporter may compute constants."""
        return self._engine.settings | of_torch(self._torch, self.device)

    @abstractmethod
    def any_steps(self, case: Case) -> bool:
        """Whether the exported model takes any number of steps; otherwise one model is exported per number of steps."""

    @abstractmethod
    def export(self, module: Any, example: dict[str, Any], case: Case) -> bytes:
        """The serialized ONNX model of a module called with keyword arguments like the example's."""

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The exported module in a session; exported again for a block that the first model cannot take."""
        module = self._modules.build(self._modules.LSTM, case, weights)
        runners: dict[tuple[int, bool], Runner] = {}

        def runner(steps: int, has_state: bool) -> Runner:
            # If the number of steps is dynamic, the example has one that no call will have.
            key = (case.T + 1 if self.any_steps(case) else steps, has_state)
            if key not in runners:
                with _quiet():
                    exported = self.export(module, self._example(case, *key), case)
                runners[key] = self._engine.load(exported)
            return runners[key]

        def model(inputs: Inputs) -> Outputs:
            self._modules.check_order(case, inputs)
            has_state = inputs.h0 is not None or inputs.c0 is not None
            h0, c0 = zeros_if_absent(case, inputs) if has_state else (None, None)
            x = batch_major.given(case, inputs.x)
            given = feeds(replace(inputs, x=x, h0=h0, c0=c0), np.dtype(np.int64))
            found = runner(inputs.x.shape[0], has_state)(given)
            return batch_major.canonical(case, map(np.array, found))

        runner(case.blocks[0] if case.blocks else case.T, case.h0 is not None or case.c0 is not None)
        return model

    def _example(self, case: Case, steps: int, has_state: bool) -> dict[str, Any]:
        """Arguments for the exporter to trace: another batch size than the case's, and other numbers.

        This uses the dynamic axes, and shows if anything of the example is baked into the model.
        """
        # Not one row: torch.export treats sizes of 0 and 1 as constants.
        torch, dtype, batch = self._torch, self._modules.dtype_of(case), max(case.B + 1, 2)
        example = {"x": torch.zeros(*batch_major.shape(case, steps, batch), case.I, dtype=dtype)}
        if case.lengths is not None:
            example["lengths"] = torch.full((batch,), steps)
        if has_state:
            for name, size in (("h0", case.output_size), ("c0", case.H)):
                example[name] = torch.zeros(case.layers * case.D, batch, size, dtype=dtype)
        return example


class TorchDynamoExport(_TorchExport):
    """torch.onnx.export(dynamo=True), the default since torch 2.9."""

    name = "torch-dynamo-onnxruntime"

    @property
    def versions(self) -> dict[str, str]:
        """The versions of the route, and of onnxscript, which translates and optimises."""
        return super().versions | {"onnxscript": importlib.metadata.version("onnxscript")}

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import onnxscript  # noqa: F401  # torch.onnx.export needs it: missing, it should show now

    def any_steps(self, case: Case) -> bool:
        """True if blocks differ in length, as a user would declare for a model called with different lengths."""
        return case.blocks is not None and len(set(case.blocks)) > 1

    def export(self, module: Any, example: dict[str, Any], case: Case) -> bytes:
        """Through torch.export, with B dynamic, and T if the case needs it."""
        dynamic = {name: self._torch.export.Dim(name) for name in (("T", "B") if self.any_steps(case) else ("B",))}
        axes = _axes(case)
        shapes = {name: {n: dynamic[axis] for n, axis in axes[name].items() if axis in dynamic} for name in example}
        try:
            program = self._torch.onnx.export(
                module,
                kwargs=example,
                dynamo=True,
                dynamic_shapes=shapes,
                input_names=list(example),
                output_names=list(case.outputs),
                verbose=False,
            )
        except self._torch.onnx.OnnxExporterError as error:
            if "lengths" in example and type(error).__name__ == "TorchExportError":
                raise UnsupportedOption(
                    f"{self.name}: torch.export cannot trace a packed sequence, torch's way to take each "
                    f"row's own length (pytorch#112044): {str(error.__cause__).strip().splitlines()[0]}"
                ) from error
            raise
        exported: bytes = program.model_proto.SerializeToString()
        return exported


class TorchScriptExport(_TorchExport):
    """torch.onnx.export(dynamo=False), the older exporter."""

    name = "torch-torchscript-onnxruntime"

    def any_steps(self, case: Case) -> bool:
        """Always."""
        return True

    def export(self, module: Any, example: dict[str, Any], case: Case) -> bytes:
        """Through a TorchScript trace, with T and B dynamic."""
        axes = _axes(case)
        buffer = io.BytesIO()
        try:
            self._torch.onnx.export(
                module,
                (),
                buffer,
                kwargs=example,
                dynamo=False,
                dynamic_axes={name: axes[name] for name in example},
                input_names=list(example),
                output_names=list(case.outputs),
            )
        except self._torch.onnx.errors.SymbolicValueError as error:
            if "LSTMs with projections" in str(error):
                raise UnsupportedOption(f"{self.name}: {str(error).strip().split('. ')[0]}") from error
            raise
        return buffer.getvalue()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' notices, progress and graph dumps off the terminal; errors are raised anyway."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
