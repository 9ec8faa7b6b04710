"""LiteRT (TensorFlow Lite): UNIDIRECTIONAL_SEQUENCE_LSTM and BIDIRECTIONAL_SEQUENCE_LSTM in the Python interpreter.

What the operators compute: their kernels in https://github.com/google-ai-edge/LiteRT/tree/main/tflite/kernels
(`lstm_eval.cc`), and NNAPI's text of the same operations, ANEURALNETWORKS_UNIDIRECTIONAL_SEQUENCE_LSTM and
ANEURALNETWORKS_BIDIRECTIONAL_SEQUENCE_LSTM: https://developer.android.com/ndk/reference/group/neural-networks.

- One fused activation for the cell candidate and the output; the gates are sigmoids.
- A clip of 0 is off; a clip bounds the stored cell, or the projected h with its bias.
- Without the input gate's weights, i = 1 - f.
- Layer norm, forward only: over each gate without its bias, epsilon 1e-8; the bias is added afterwards.
- h and c are kept from call to call until they are set or `reset_all_variables` clears them.
- float32 throughout. No lengths, and no operator for a reverse scan alone.

Two kinds of valid models are refused here, because the kernels access memory outside their tensors, so any right answer
would be luck (docs/adapters.md#what-is-not-asked).

The interpreter is made as its documentation shows, which applies the XNNPACK delegate; the delegate takes the head and
leaves the LSTM operators to the built-in kernels.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from conformance.adapters import batch_major
from conformance.adapters.base import Adapter
from conformance.adapters.base import Model as Callee
from conformance.adapters.capabilities import ActivationSupport, Capabilities, any_of
from conformance.adapters.litert_model import FUSED, Model, build
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights

_FUSED = any_of(*FUSED)
_NOT_ASKED = "not asked of it: see docs/adapters.md#what-is-not-asked"
_SPARE_OUTPUTS = 16
"""How many more outputs than cells a projection may have, over all rows."""


class LiteRT(Adapter):
    """One sequence LSTM operator per layer, in ai_edge_litert's Interpreter."""

    name = "litert"
    capabilities = Capabilities(
        directions=frozenset({"forward", "bidirectional"}),
        activations=ActivationSupport(cell=_FUSED, hidden=_FUSED, hidden_is_cell=True),
        batch_major=True,
        peephole=frozenset({"new-cell"}),
        cell_clip=True,
        projection=True,
        projection_bias=True,
        projection_clip=True,
        coupling=frozenset({"input=1-forget"}),
        layer_norm=frozenset({"nnapi"}),
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import ai_edge_litert
        from ai_edge_litert import interpreter

        self._litert: Any = ai_edge_litert
        self._interpreter: Any = interpreter.Interpreter

    @property
    def versions(self) -> dict[str, str]:
        """The version of ai-edge-litert."""
        return {"ai-edge-litert": str(self._litert.__version__)}

    @property
    def settings(self) -> dict[str, str]:
        """The defaults of the interpreter's arguments, with which it is made."""
        names = ("num_threads", "experimental_op_resolver_type", "experimental_default_delegate_latest_features")
        arguments = inspect.signature(self._interpreter).parameters
        return {f"ai-edge-litert.{name}": str(arguments[name].default) for name in names if name in arguments}

    def prepare(self, case: Case, weights: Weights) -> Callee:
        """An interpreter with the case's model."""
        if case.direction == "bidirectional" and case.layer_norm is not None:
            raise UnsupportedOption("litert: BIDIRECTIONAL_SEQUENCE_LSTM has no layer norm")
        if case.direction == "bidirectional" and case.layout == "batch_major":
            raise UnsupportedOption(f"litert: both directions in batch-major layout are {_NOT_ASKED}")
        if max(case.calls or (case.B,), default=0) * (case.output_size - case.H) > _SPARE_OUTPUTS:
            raise UnsupportedOption(f"litert: a projection of {case.H} cells to {case.output_size} is {_NOT_ASKED}")
        model = build(case, weights)
        return _Session(case, model, self._interpreter(model_content=model.content))


class _Session:
    """An interpreter, called with canonical arrays."""

    def __init__(self, case: Case, model: Model, interpreter: Any) -> None:
        self._case, self._model, self._interpreter = case, model, interpreter
        self._widths = {"h0": case.output_size, "c0": case.H}
        self._indices = {"h0": model.h, "c0": model.c}
        self._shape: tuple[int, ...] = ()
        self._kept: dict[str, Array] = {}

    def __call__(self, inputs: Inputs) -> Outputs:
        if inputs.x.shape != self._shape:
            self._resize(*inputs.x.shape)
        # A stream passes the states of the previous call, which the interpreter has kept; allocating would lose them.
        given = {"h0": inputs.h0, "c0": inputs.c0}
        if not self._kept or any(given[name] is not kept for name, kept in self._kept.items()):
            self._set_states(given)
        interpreter, model = self._interpreter, self._model
        interpreter.set_tensor(model.x, np.ascontiguousarray(batch_major.given(self._case, inputs.x)))
        interpreter.invoke()
        self._kept = {
            name: np.stack([interpreter.get_tensor(index) for index in indices])
            for name, indices in self._indices.items()
        }
        found = [interpreter.get_tensor(model.y), *self._kept.values()]
        found += [] if model.logits is None else [interpreter.get_tensor(model.logits)]
        return batch_major.canonical(self._case, found)

    def _resize(self, steps: int, rows: int, width: int) -> None:
        """Allocate tensors for this many steps and rows, and for the states of the rows."""
        shape = (*batch_major.shape(self._case, steps, rows), width)
        self._interpreter.resize_tensor_input(self._model.x, shape)
        for name, indices in self._indices.items():
            for index in indices:
                self._interpreter.resize_tensor_input(index, (rows, self._widths[name]))
        self._interpreter.allocate_tensors()
        self._shape, self._kept = (steps, rows, width), {}

    def _set_states(self, given: dict[str, Array | None]) -> None:
        """Set the given states; absent ones keep the zeros of a reset."""
        if any(states is None for states in given.values()):
            self._interpreter.reset_all_variables()
        for name, states in given.items():
            if states is not None:
                for index, state in zip(self._indices[name], states, strict=True):
                    self._interpreter.set_tensor(index, np.ascontiguousarray(state))
