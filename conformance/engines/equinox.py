"""Equinox' LSTMCell, scanned as its documentation scans it.

https://docs.kidger.site/equinox/api/nn/rnn/

- The cell takes one x and one (h, c) without a batch, so it is called in jax.vmap, and "wrapped into a jax.lax.scan".
- It has one bias, or none with `use_bias=False`; the gates are in the order i, f, g, o.
- Weights are put into a module with equinox.tree_at: https://docs.kidger.site/equinox/api/manipulation/
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.adapters.capabilities import Capabilities
from conformance.adapters.gradients import of_weights
from conformance.adapters.layouts import Layout, pack
from conformance.case.model import Case
from conformance.case.tensors import Outputs, Weights
from conformance.engines.jax_model import JaxAdapter, Network

LAYOUT = Layout("ifgo", {"weight_ih": ("W",), "weight_hh": ("R",), "bias": ("b",)})


class Equinox(JaxAdapter):
    """equinox.nn.LSTMCell in jax.lax.scan."""

    name = "equinox"
    packages = ("equinox", "jax")
    capabilities = Capabilities(
        dtypes=frozenset({"float16", "bfloat16", "float32", "float64"}),
        gradients=frozenset({"whole", "truncated"}),
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import equinox

        self._equinox = equinox

    def network(self, case: Case, weights: Weights) -> Network:
        """Modules of Equinox."""
        return _EquinoxNetwork(self._jax, self._equinox, case, weights)


class _EquinoxNetwork(Network):
    """parameters: modules, the cells as `cells`, the dense layer as `head`."""

    batch_major = False
    needs_states = True

    def __init__(self, jax: Any, equinox: Any, case: Case, weights: Weights) -> None:
        self.jax, self.case = jax, case
        self.names = [name for name in LAYOUT.tensors if case.bias or name != "bias"]
        key = jax.random.key(0)
        self.parameters: dict[str, Any] = {"cells": []}
        for layer, row in enumerate(weights.rows):
            # Only the structure: every weight is set afterwards.
            cell = equinox.filter_eval_shape(
                equinox.nn.LSTMCell, case.input_size(layer), case.H, case.bias, dtype=case.dtype, key=key
            )
            packed = pack(LAYOUT, row)
            self.parameters["cells"].append(equinox.tree_at(self._weights, cell, [packed[n] for n in self.names]))
        if weights.W_y is not None:
            O, size = weights.W_y.shape
            head = equinox.filter_eval_shape(equinox.nn.Linear, size, O, dtype=case.dtype, key=key)
            self.parameters["head"] = equinox.tree_at(
                lambda linear: [linear.weight, linear.bias], head, [weights.W_y, weights.b_y]
            )

    def _weights(self, cell: Any) -> list[Any]:
        return [getattr(cell, name) for name in self.names]

    def layers(self, parameters: Any, x: Any, states: Any, lengths: Any) -> tuple[Any, Any, Any]:
        """One scan after the other."""
        y, finals = x, []
        for cell, *state in zip(parameters["cells"], *states, strict=True):

            def step(state: Any, x: Any, cell: Any = cell) -> tuple[Any, Any]:
                h, c = self.jax.vmap(cell)(x, state)
                return (h, c), h

            final, y = self.jax.lax.scan(step, tuple(state), y)
            finals.append(final)
        stack = self.jax.numpy.stack
        return y, stack([h for h, _ in finals]), stack([c for _, c in finals])

    def head(self, parameters: Any, y: Any) -> Any:
        """equinox.nn.Linear, which takes one vector as well."""
        linear = parameters["head"]
        for _ in y.shape[:-1]:
            linear = self.jax.vmap(linear)
        return linear(y)

    def weight_gradients(self, found: Any) -> Outputs:
        """The gradient of a module is a module."""
        rows = [dict(zip(self.names, self._weights(cell), strict=True)) for cell in found["cells"]]
        gradients = of_weights(self.case, LAYOUT, rows)
        if "head" in found:
            gradients |= {"d_W_y": found["head"].weight, "d_b_y": found["head"].bias}
        return {name: np.ascontiguousarray(array) for name, array in gradients.items()}
