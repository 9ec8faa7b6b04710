"""TensorFlow Lite Micro: UNIDIRECTIONAL_SEQUENCE_LSTM in its Python interpreter.

The interpreter, whose package runs the kernels of a microcontroller on the host:
https://github.com/tensorflow/tflite-micro/tree/main/python/tflite_micro. The kernel:
https://github.com/tensorflow/tflite-micro/tree/main/tensorflow/lite/micro/kernels (`unidirectional_sequence_lstm.cc`).

The model files are LiteRT's (conformance.adapters.litert_model), and so are the options, of which the kernel has few:

- one fused activation for the cell candidate and the output, and a cell clip, 0 for none;
- no peepholes, projection, layer norm or coupled gate: the kernel demands that their tensors are absent;
- float32 or integers of 8 and 16 bits, of which float32 is used; no lengths, no reverse scan.

Nothing can be resized, so there is a model for each number of steps and rows. The interpreter reaches the inputs and
outputs of a model only; h and c, which it keeps from one call to the next, are therefore made inputs and outputs.
`reset` zeroes them.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np

from conformance.adapters import batch_major, litert_model
from conformance.adapters.base import Adapter, Model
from conformance.adapters.capabilities import ActivationSupport, Capabilities, any_of
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights

_FUSED = any_of(*litert_model.FUSED)
_BYTES_OF_A_NUMBER = 64
"""Memory for each number that is computed: 4 bytes, and what the allocator keeps beside it, with room."""
_BYTES_OF_THE_FILE = 10
"""Memory for each byte of the model's file: the interpreter's own rule."""


class TFLiteMicro(Adapter):
    """One sequence LSTM operator per layer, in tflite_micro's Interpreter."""

    name = "tflite-micro"
    capabilities = Capabilities(
        activations=ActivationSupport(cell=_FUSED, hidden=_FUSED, hidden_is_cell=True),
        batch_major=True,
        cell_clip=True,
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import ai_edge_litert.schema_py_generated  # noqa: F401  # it writes the models; missing, it should show now
        from tflite_micro.python.tflite_micro import runtime

        self._interpreter: Any = runtime.Interpreter

    @property
    def versions(self) -> dict[str, str]:
        """The version of tflite_micro."""
        return {"tflite_micro": version("tflite_micro")}

    def prepare(self, case: Case, weights: Weights) -> Model:
        """An interpreter for each number of steps and rows."""
        interpreters: dict[tuple[int, int], Any] = {}

        def interpreter(steps: int, rows: int) -> Any:
            if (steps, rows) not in interpreters:
                interpreters[steps, rows] = self._load(case.model_copy(update={"T": steps, "B": rows}), weights)
            return interpreters[steps, rows]

        def model(inputs: Inputs) -> Outputs:
            steps, rows, _ = inputs.x.shape
            called = interpreter(steps, rows)
            called.reset()
            called.set_input(np.ascontiguousarray(batch_major.given(case, inputs.x)), 0)
            for state, first in ((inputs.h0, 1), (inputs.c0, 1 + case.layers)):
                for layer, array in enumerate(() if state is None else state):
                    called.set_input(np.ascontiguousarray(array), first + layer)
            called.invoke()
            return _outputs(case, called)

        interpreter(case.blocks[0] if case.blocks else case.T, case.calls[0] if case.calls else case.B)
        return model

    def _load(self, case: Case, weights: Weights) -> Any:
        """An interpreter with the model of a case, for its T and B."""
        content = litert_model.build(case, weights, passes_states=True).content
        width = case.I + case.layers * case.H + (case.head.O if case.head else 0)
        numbers = (case.T + 1) * case.B * width
        arena = _BYTES_OF_THE_FILE * len(content) + _BYTES_OF_A_NUMBER * numbers
        return self._interpreter.from_bytes(content, arena_size=arena)


def _outputs(case: Case, called: Any) -> Outputs:
    """What an interpreter has computed: y, logits if there is a head, then h and c of each layer."""
    count = (1 if case.head is None else 2) + 2 * case.layers
    found: list[Array] = [np.array(called.get_output(index)) for index in range(count)]
    first, states = found[: -2 * case.layers], found[-2 * case.layers :]
    h, c = states[: case.layers], states[case.layers :]
    return batch_major.canonical(case, [first[0], np.stack(h), np.stack(c), *first[1:]])
