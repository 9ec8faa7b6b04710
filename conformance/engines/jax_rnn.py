"""JAX' own LSTM on the CPU: jax.experimental.rnn.lstm_ref.

https://docs.jax.dev/en/latest/jax.experimental.rnn.html

It is the "reference implementation" of the module's other function, which is cuDNN's LSTM and runs on a GPU only.

- "Notations and variable names similar to" torch.nn.LSTM: two biases, gates in the order i, f, g, o, and layers and
  directions as there, in one call. W_ih and the others are dicts by layer * D + direction.
- "Assume batch-first inputs". h_0, c_0 and `seq_lengths` (int32) are always given.
- y past a row's length is 0: its source masks it. The documentation does not speak of a row without a step; where it
  refers to, packed sequences and cuDNN, a length is 1 or more.
"""

from __future__ import annotations

from typing import Any

from conformance.adapters.capabilities import Capabilities
from conformance.adapters.gradients import of_weights
from conformance.adapters.layouts import TORCH, pack
from conformance.case.model import Case
from conformance.case.tensors import Outputs, Weights
from conformance.engines.jax_model import JaxAdapter, Network

_ARGUMENTS = {"W_ih": "weight_ih", "W_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}
"""The function's names for the tensors of torch's layout."""


class JaxRnn(JaxAdapter):
    """jax.experimental.rnn.lstm_ref."""

    name = "jax-rnn"
    packages = ("jax",)
    capabilities = Capabilities(
        dtypes=frozenset({"float16", "bfloat16", "float32", "float64"}),
        directions=frozenset({"forward", "bidirectional"}),
        lengths="each",
        lengths_via=frozenset({"argument"}),
        batch_major=True,
        head=False,
        gradients=frozenset({"whole", "truncated"}),
    )
    """Its only layout is batch major."""

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        from jax.experimental import rnn

        self._rnn = rnn

    def network(self, case: Case, weights: Weights) -> Network:
        """The arguments of one call."""
        return _Call(self._jax, self._rnn, case, weights)


class _Call(Network):
    """parameters: the four dicts of tensors, by the names of the function's arguments."""

    batch_major = True
    needs_states = True

    def __init__(self, jax: Any, rnn: Any, case: Case, weights: Weights) -> None:
        self.jax, self.rnn, self.case = jax, rnn, case
        rows = [pack(TORCH, row) for row in weights.rows]
        self.parameters = {
            argument: {row: tensors[name] for row, tensors in enumerate(rows)} for argument, name in _ARGUMENTS.items()
        }

    def layers(self, parameters: Any, x: Any, states: Any, lengths: Any) -> tuple[Any, Any, Any]:
        """All layers at once."""
        case = self.case
        if lengths is None:
            lengths = self.jax.numpy.full(x.shape[0], x.shape[1], "int32")
        # Positional: the function's static arguments cannot be given by name.
        found: tuple[Any, Any, Any] = self.rnn.lstm_ref(
            x,
            *states,
            *(parameters[argument] for argument in _ARGUMENTS),
            lengths,
            *(case.I, case.H, case.layers, 0.0, case.D == 2),
        )
        return found

    def weight_gradients(self, found: Any) -> Outputs:
        """Of the tensors of each row."""
        rows = [
            {name: found[argument][row] for argument, name in _ARGUMENTS.items()}
            for row in range(self.case.layers * self.case.D)
        ]
        return of_weights(self.case, TORCH, rows)
