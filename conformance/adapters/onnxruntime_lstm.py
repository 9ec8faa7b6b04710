"""ONNX Runtime: the LSTM operator in an InferenceSession with the default optimisations.

The types its providers compute in: https://github.com/microsoft/onnxruntime/blob/main/docs/OperatorKernels.md. The
CPU's LSTM is float32. It is registered for double too but says "LSTM operator does not support double yet"; a float16
model runs through casts that the session inserts. It takes all of the operator's activations with their alpha and beta,
and sequence_lens from 0 to T (onnxruntime/core/providers/cpu/rnn/rnn_helpers.cc), as well as peepholes, clip and
input_forget (uni_directional_lstm.cc there). It refuses layout=1 itself, and that refusal is passed on here, so that a
version that accepts it is noticed. y past a row's length is 0, and so is everything of a row of length 0.

clip bounds the inputs of the four gates, after peephole and bias, but not that of h(Ct). The operator's text can be
read either way; the difference was reported (https://github.com/microsoft/onnxruntime/issues/27224) and closed without
a change. A model cannot say which reading it means, so the adapter declares the kernel's.

input_forget is f = 1 - i, and the weights of the forget gate are not used, as was intended when the attribute was
introduced: https://github.com/onnx/onnx/pull/149.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.adapters import onnx_model
from conformance.adapters.base import Adapter, EmptyRows, Model
from conformance.adapters.capabilities import Capabilities
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Weights

DTYPES = frozenset({"float16", "float32"})

# The CUDA provider computes float32 in TF32 unless told not to.
_PROVIDERS: dict[str, tuple[str, dict[str, str]]] = {
    "cpu": ("CPUExecutionProvider", {}),
    "cuda": ("CUDAExecutionProvider", {"use_tf32": "0"}),
}
_NOT_SUPPORTED = (
    "NOT_IMPLEMENTED",
    "assigned to the default CPU EP",
    "Batchwise recurrent operations (layout == 1) are not supported",
)
"""Messages by which onnxruntime says that a provider does not implement an operator as it is used."""

_FATAL = 4
"""Log severity: errors are raised and do not have to be printed as well."""

_PROBE = '<ir_version: 10, opset_import: ["": 22]> probe (float[1] x) => (float[1] y) { y = Add(x, x) }'
"""A minimal model, to see whether a session starts."""


class Engine:
    """ONNX Runtime on one device."""

    def __init__(self, device: str) -> None:
        """Raises AdapterUnavailable if the installed onnxruntime does not have the device's provider."""
        import onnxruntime

        self.ort: Any = onnxruntime
        self.provider, self.options = _PROVIDERS[device]
        available = onnxruntime.get_available_providers()
        if self.provider not in available:
            raise AdapterUnavailable(
                f"onnxruntime {self.version} has no {self.provider} here; it has {', '.join(available)}"
            )

    @property
    def version(self) -> str:
        """The version of onnxruntime."""
        return str(self.ort.__version__)

    @property
    def settings(self) -> dict[str, str]:
        """The options of a session; 0 threads: as many as there are cores."""
        options = self._session_options()
        found = {
            "provider": self.provider,
            "graph_optimization_level": options.graph_optimization_level.name,
            "execution_mode": options.execution_mode.name,
            "intra_op_threads": str(options.intra_op_num_threads),
        } | self.options
        return {f"onnxruntime.{name}": value for name, value in found.items()}

    def _session_options(self) -> Any:
        options = self.ort.SessionOptions()
        options.log_severity_level = _FATAL
        if self.provider != "CPUExecutionProvider":
            # An operator that the device cannot compute must not move to the CPU unnoticed.
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        return options

    def load(self, model: bytes) -> onnx_model.Runner:
        """A session with a serialized model.

        Raises:
            UnsupportedOption: onnxruntime says that it has no implementation of an operator in the model.
            AdapterUnavailable: the device's provider did not start, so the session would run elsewhere.
        """
        try:
            session = self.ort.InferenceSession(
                model, self._session_options(), providers=[(self.provider, self.options)]
            )
        except Exception as error:
            if any(words in str(error) for words in _NOT_SUPPORTED):
                raise UnsupportedOption(f"onnxruntime: {error}") from error
            raise
        if self.provider not in session.get_providers():
            raise AdapterUnavailable(f"onnxruntime {self.version} could not start its {self.provider} here")

        def run(feeds: Mapping[str, Array]) -> list[Array]:
            found: list[Array] = session.run(None, dict(feeds))
            return found

        return run


class OnnxRuntime(Adapter):
    """One LSTM node per layer, in onnxruntime."""

    name = "onnxruntime"
    capabilities = Capabilities(
        dtypes=DTYPES,
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
    devices = frozenset(_PROVIDERS)

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import onnx.parser

        self._engine = Engine(device)
        # An installed provider may still fail to start, because its libraries or a device are missing.
        self._engine.load(onnx.parser.parse_model(_PROBE).SerializeToString())

    @property
    def versions(self) -> dict[str, str]:
        """The version of onnxruntime."""
        return {"onnxruntime": self._engine.version}

    @property
    def settings(self) -> dict[str, str]:
        """Those of a session."""
        return self._engine.settings

    def empty_rows(self, case: Case) -> EmptyRows:
        """Zeros, as decided in https://github.com/microsoft/onnxruntime/pull/749; the operator's text says nothing."""
        return "zeros"

    def prepare(self, case: Case, weights: Weights) -> Model:
        """A session with the case's ONNX model."""
        return onnx_model.prepare(case, weights, self.load)

    def load(self, case: Case, model: Any) -> onnx_model.Runner:
        """A session with an ONNX model."""
        return self._engine.load(model.SerializeToString())
