"""Haiku's LSTM core in dynamic_unroll.

https://dm-haiku.readthedocs.io/en/latest/api.html#recurrent

- A stack is one core, DeepRNN. dynamic_unroll has `time_major` and `reverse`; y stays in the input's order.
- "We add 1.0 to b_f after initialization", it says, but the 1 is part of the equations and not of the initial bias:
  whoever brings weights has to subtract it. A case with a forget bias of 1 gives its own bias.
- Weights are one matrix of x and h, with the gates in the order i, g, f, o, and one bias.
- A state has always to be given, and `LSTM.initial_state` has JAX' default format, whatever x has, so zeros are given.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.adapters.capabilities import Capabilities
from conformance.adapters.gradients import of_weights
from conformance.adapters.layouts import TF_BLOCK, Layout, pack
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, LayerWeights, Outputs, Weights
from conformance.engines.jax_model import JaxAdapter, Network

LAYOUT = Layout(TF_BLOCK.gates, TF_BLOCK.tensors, transposed=True)
_FORGET_BIAS = 1.0


class Haiku(JaxAdapter):
    """haiku.LSTM in haiku.dynamic_unroll."""

    name = "haiku"
    packages = ("dm-haiku", "jax")
    capabilities = Capabilities(
        dtypes=frozenset({"float16", "bfloat16", "float32", "float64"}),
        directions=frozenset({"forward", "reverse"}),
        forget_bias=True,
        batch_major=True,
        gradients=frozenset({"whole", "truncated"}),
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import haiku

        self._haiku = haiku

    def network(self, case: Case, weights: Weights) -> Network:
        """Functions that Haiku has transformed.

        Raises:
            UnsupportedOption: a forget bias other than its own.
        """
        if case.forget_bias not in (0.0, _FORGET_BIAS):
            raise UnsupportedOption(f"{self.name} adds a forget bias of 1 and takes no other, not {case.forget_bias:g}")
        return _HaikuNetwork(self._jax, self._haiku, case, weights)


class _HaikuNetwork(Network):
    """parameters: those of each LSTM, named after its row, and of the dense layer."""

    needs_states = True

    def __init__(self, jax: Any, haiku: Any, case: Case, weights: Weights) -> None:
        self.jax, self.case = jax, case
        self.batch_major = case.layout == "batch_major"
        names = [f"row_{row}" for row in range(case.layers)]
        self.linears = [f"{name}/linear" for name in names]
        self.parameters = {linear: _packed(case, row) for linear, row in zip(self.linears, weights.rows, strict=True)}
        if weights.W_y is not None:
            self.parameters["head"] = {"w": weights.W_y.T, "b": weights.b_y}

        def unrolled(x: Any, states: Any) -> Any:
            cores = [haiku.LSTM(case.H, name=name) for name in names]
            initial = [haiku.LSTMState(h, c) for h, c in zip(*states, strict=True)]
            core, state = (haiku.DeepRNN(cores), tuple(initial)) if len(cores) > 1 else (cores[0], initial[0])
            y, final = haiku.dynamic_unroll(
                core, x, state, time_major=not self.batch_major, reverse=case.direction == "reverse"
            )
            return y, list(final) if len(cores) > 1 else [final]

        def dense(y: Any) -> Any:
            return haiku.Linear(case.head.O, name="head")(y)  # type: ignore[union-attr]  # called if there is one

        self.unrolled, self.dense = (
            haiku.without_apply_rng(haiku.transform(function)).apply for function in (unrolled, dense)
        )

    def layers(self, parameters: Any, x: Any, states: Any, lengths: Any) -> tuple[Any, Any, Any]:
        """The core, unrolled."""
        y, finals = self.unrolled(parameters, x, states)
        stack = self.jax.numpy.stack
        return y, stack([final.hidden for final in finals]), stack([final.cell for final in finals])

    def head(self, parameters: Any, y: Any) -> Any:
        """haiku.Linear."""
        return self.dense(parameters, y)

    def weight_gradients(self, found: Any) -> Outputs:
        """Those of each LSTM's Linear, and of the dense layer."""
        gradients = of_weights(self.case, LAYOUT, [found[linear] for linear in self.linears])
        if "head" in found:
            gradients |= {"d_W_y": np.ascontiguousarray(found["head"]["w"].T), "d_b_y": found["head"]["b"]}
        return gradients


def _packed(case: Case, row: LayerWeights) -> dict[str, Array]:
    """The weights without Haiku's own forget bias: subtracted in float64 and rounded once, as two biases are added."""
    packed = pack(LAYOUT, row)
    if case.forget_bias != _FORGET_BIAS:
        whole = sum((b.astype(np.float64) for b in (row.b_w, row.b_r) if b is not None), np.zeros((4, case.H)))
        forget = LAYOUT.gates.index("f")
        packed["b"][forget * case.H : (forget + 1) * case.H] = whole[1] - _FORGET_BIAS
    return packed
