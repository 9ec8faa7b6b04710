"""IREE: ONNX models imported into MLIR, compiled for this processor, and run on its CPU device.

https://iree.dev/guides/ml-frameworks/onnx/. The importer (torch-mlir's) takes the operator LSTM with all
inputs and attributes. Where the compiler has no lowering it says "failed to legalize operation"; that is unsupported
here, so that a version that has one is noticed (https://github.com/llvm/torch-mlir,
lib/Conversion/TorchOnnxToTorch/OnnxRecurrentLayerOpExpanders.cpp).

float64 is not among the formats: by default the compiler turns it into float32 (--iree-input-demote-f64-to-f32), but
not the interface of the module, which then cannot be called (findings/iree-float64-onnx.sh); with that switched off
the LSTM does not link ("undefined symbol: tanh"). The documentation says neither what clip bounds nor what y holds past
a length; onnxruntime's reading of clip is declared.

T is the number of iterations of a loop in the compiled module. Sizes are fixed before a model is compiled; each new
size is compiled again, in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from conformance.adapters import onnx_model
from conformance.adapters.base import Adapter, Model
from conformance.adapters.capabilities import Capabilities
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Weights

_NO_LOWERING = "failed to legalize operation"
_FLAGS = ("--iree-llvmcpu-target-cpu=host",)


class Iree(Adapter):
    """One LSTM node per layer, compiled by IREE for the sizes of each call."""

    name = "iree"
    capabilities = Capabilities(
        dtypes=frozenset({"float16", "bfloat16", "float32"}),
        directions=frozenset({"forward", "reverse", "bidirectional"}),
        lengths="each",
        min_length=0,
        lengths_via=frozenset({"argument"}),
        activations=onnx_model.ACTIVATIONS,
        batch_major=True,
        peephole=onnx_model.PEEPHOLE,
        gate_clip=frozenset({"gates"}),
        coupling=onnx_model.COUPLING,
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import iree.compiler
        import iree.compiler.extras.onnx_importer
        import iree.compiler.ir
        import iree.runtime
        import onnx

        self._iree: Any = iree
        self._onnx: Any = onnx
        self._config = iree.runtime.Config("local-task")

    @property
    def versions(self) -> dict[str, str]:
        """The versions of the compiler and of the runtime."""
        return {name: version(name) for name in ("iree-base-compiler", "iree-base-runtime")}

    @property
    def settings(self) -> dict[str, str]:
        """The flags of the compiler."""
        return {"iree.flags": " ".join(_FLAGS)}

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The case's ONNX model, compiled when its sizes are known."""
        return onnx_model.prepare(case, weights, self.load)

    def load(self, case: Case, model: Any) -> onnx_model.Runner:
        """An ONNX model, compiled for each T and B that it is called with."""
        return onnx_model.for_each_size(model, self._compiled)

    def _compiled(self, model: Any) -> onnx_model.Runner:
        compiler, runtime = self._iree.compiler, self._iree.runtime
        importer = compiler.extras.onnx_importer
        info = importer.ModelInfo(self._onnx.shape_inference.infer_shapes(model))
        module = info.create_module(context=compiler.ir.Context()).operation
        importer.NodeImporter.define_function(info.main_graph, module).import_all()
        try:
            program = compiler.compile_str(
                module.get_asm(), target_backends=["llvm-cpu"], input_type="onnx", extra_args=[*_FLAGS]
            )
        except compiler.CompilerToolError as error:
            if _NO_LOWERING in str(error):
                raise UnsupportedOption(f"IREE: {_NO_LOWERING}: LSTM with {_said_of_node(model)}") from error
            raise
        loaded = runtime.load_vm_module(runtime.VmModule.copy_buffer(self._config.vm_instance, program), self._config)
        names = [value.name for value in model.graph.input]

        def run(feeds: Mapping[str, Array]) -> list[Array]:
            return [output.to_host() for output in loaded[model.graph.name](*(feeds[name] for name in names))]

        return run


def _said_of_node(model: Any) -> str:
    node = next(node for node in model.graph.node if node.op_type == "LSTM")
    return ", ".join(sorted(attribute.name for attribute in node.attribute))
