"""Flax' LSTM cells in its RNN and Bidirectional, in both of its interfaces: nnx and linen.

    nnx     OptimizedLSTMCell; https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/nn/recurrent.html
    linen   LSTMCell;          https://flax.readthedocs.io/en/latest/api_reference/flax.linen/layers.html

- `gate_fn` is S, `activation_fn` is G and Hh; each any callable. The two RNNs of a Bidirectional have a cell each.
- There is one bias, of the recurrent product. The carry is (c, h), for Bidirectional a pair of them.
- `seq_lengths`: "an integer array of shape (*batch) where each element is the length of the sequence". "The output
  elements corresponding to padding elements are NOT zeroed out", and nothing is said of what they hold. The carry is
  "the state of the last valid element of each sequence", so a row has to have one.
- `reverse` with `keep_order`: y "will be reversed back to the original order after processing".
- Bidirectional hands its own `time_major` to both RNNs, whatever theirs is, so it is given there.
- The cross-entropy is optax', which Flax installs and uses in its guides:
  https://optax.readthedocs.io/en/latest/api/losses.html. Its `where` says which elements are included.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from conformance.adapters.base import PaddedY
from conformance.adapters.capabilities import ActivationSupport, Capabilities, any_of
from conformance.adapters.gradients import of_weights
from conformance.adapters.layouts import FLAX, Layout, pack
from conformance.case.model import Case
from conformance.case.options import ActivationName
from conformance.case.tensors import LayerWeights, Outputs, Weights
from conformance.engines.jax_model import JaxAdapter, Network, flat, function_of, nested

OPTIMIZED = Layout(
    "ifgo", {"dense_i/kernel": ("W",), "dense_h/kernel": ("R",), "dense_h/bias": ("b",)}, transposed=True
)
"""nnx.OptimizedLSTMCell."""
_CALLABLES = any_of(*get_args(ActivationName))
_DIRECTIONS = ("forward_rnn", "backward_rnn")
"""Bidirectional's names for its two RNNs."""


class _Flax(JaxAdapter):
    """Both interfaces of Flax: they have the same options and contracts."""

    packages = ("flax", "optax", "jax")
    capabilities = Capabilities(
        dtypes=frozenset({"float16", "bfloat16", "float32", "float64"}),
        directions=frozenset({"forward", "reverse", "bidirectional"}),
        lengths="each",
        lengths_via=frozenset({"argument"}),
        activations=ActivationSupport(_CALLABLES, _CALLABLES, _CALLABLES, hidden_is_cell=True, per_direction=True),
        batch_major=True,
        softmax=True,
        cross_entropy=True,
        gradients=frozenset({"whole", "truncated"}),
    )

    def padded_y(self, case: Case) -> PaddedY:
        """Not zeroed out; no more is promised (see the module's docstring)."""
        return "undefined"


class Flax(_Flax):
    """flax.nnx.RNN and Bidirectional with OptimizedLSTMCell."""

    name = "flax"

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import optax
        from flax import nnx

        self._nnx, self._optax = nnx, optax

    def network(self, case: Case, weights: Weights) -> Network:
        """Modules of nnx."""
        return _NnxNetwork(self._jax, self._optax, case, weights, self._nnx)


class FlaxLinen(_Flax):
    """flax.linen.RNN and Bidirectional with LSTMCell."""

    name = "flax-linen"

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import optax
        from flax import linen

        self._linen, self._optax = linen, optax

    def network(self, case: Case, weights: Weights) -> Network:
        """Modules of linen."""
        return _LinenNetwork(self._jax, self._optax, case, weights, self._linen)


class _FlaxNetwork(Network):
    """A stack of RNNs or of Bidirectionals, and a dense layer.

    parameters: `layers`, and `head` where the case has one.
    """

    needs_states = False
    layout: Layout

    def __init__(self, jax: Any, optax: Any, case: Case, weights: Weights) -> None:
        self.jax, self.optax, self.case = jax, optax, case
        self.batch_major = case.layout == "batch_major"
        self.parameters = {
            "layers": [
                self.add_layer(weights.rows[layer * case.D : (layer + 1) * case.D], case.input_size(layer))
                for layer in range(case.layers)
            ]
        }
        if weights.W_y is not None:
            self.parameters["head"] = self.add_head({"kernel": weights.W_y.T, "bias": weights.b_y})

    @abstractmethod
    def add_layer(self, rows: Sequence[LayerWeights], input_size: int) -> Any:
        """Make the next layer; returns its parameters."""

    @abstractmethod
    def add_head(self, tensors: dict[str, Any]) -> Any:
        """Make the dense layer with `kernel` and `bias`; returns its parameters."""

    @abstractmethod
    def layer(self, number: int, parameters: Any, x: Any, carry: Any, lengths: Any) -> tuple[Any, Any]:
        """The final carry and y of a layer."""

    @abstractmethod
    def pure(self, parameters: Any) -> dict[str, Any]:
        """Parameters of a layer or of the head as dicts of arrays."""

    def options(self, direction: int) -> dict[str, Any]:
        """The arguments of a direction's cell."""
        activations = self.case.activations_of(direction)
        return {
            "gate_fn": function_of(self.jax, activations.gate),
            "activation_fn": function_of(self.jax, activations.cell),
            "param_dtype": self.case.dtype,
        }

    @property
    def scan_options(self) -> dict[str, Any]:
        """The arguments of the outer module, RNN or Bidirectional."""
        options: dict[str, Any] = {"time_major": not self.batch_major, "return_carry": True}
        if self.case.D == 1:
            options |= {"reverse": self.case.reverse(0), "keep_order": True}
        return options

    def layers(self, parameters: Any, x: Any, states: Any, lengths: Any) -> tuple[Any, Any, Any]:
        """One layer after the other."""
        case, y, finals = self.case, x, []
        for number, own in enumerate(parameters["layers"]):
            carry = None
            if states is not None:
                rows = range(number * case.D, (number + 1) * case.D)
                carries = tuple((states[1][row], states[0][row]) for row in rows)
                carry = carries if case.D == 2 else carries[0]
            carry, y = self.layer(number, own, y, carry, lengths)
            finals += list(carry) if case.D == 2 else [carry]
        stack = self.jax.numpy.stack
        return y, stack([h for _, h in finals]), stack([c for c, _ in finals])

    def softmax(self, logits: Any) -> Any:
        """jax.nn.softmax, which both interfaces export."""
        return self.jax.nn.softmax(logits)

    def cross_entropy(self, logits: Any, targets: Any) -> Any:
        """Optax', of the targets that count."""
        counted, jnp = targets >= 0, self.jax.numpy
        losses = self.optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(targets, 0), where=counted)
        return jnp.mean(losses, where=counted)

    def weight_gradients(self, found: Any) -> Outputs:
        """Those of the cells in the order of the rows, and of the dense layer."""
        layers = [self.pure(each) for each in found["layers"]]
        rnns = [each[name] for each in layers for name in _DIRECTIONS] if self.case.D == 2 else layers
        gradients = of_weights(self.case, self.layout, [flat(rnn["cell"]) for rnn in rnns])
        if "head" in found:
            head = self.pure(found["head"])
            gradients |= {"d_W_y": np.ascontiguousarray(head["kernel"].T), "d_b_y": head["bias"]}
        return gradients


class _NnxNetwork(_FlaxNetwork):
    """Modules that are split into their structure and their parameters."""

    layout = OPTIMIZED

    def __init__(self, jax: Any, optax: Any, case: Case, weights: Weights, nnx: Any) -> None:
        self.nnx = nnx
        self.structures: list[Any] = []
        self.rngs = nnx.Rngs(0)  # every initializer is a given array
        super().__init__(jax, optax, case, weights)

    def add_layer(self, rows: Sequence[LayerWeights], input_size: int) -> Any:
        """An RNN or a Bidirectional."""
        cells = [self._cell(direction, row, input_size) for direction, row in enumerate(rows)]
        rnns = [self.nnx.RNN(cell, rngs=False, **(self.scan_options if len(rows) == 1 else {})) for cell in cells]
        return self._split(
            rnns[0] if len(rnns) == 1 else self.nnx.Bidirectional(*rnns, rngs=False, **self.scan_options)
        )

    def _cell(self, direction: int, row: LayerWeights, input_size: int) -> Any:
        tensors = {name: self._given(array) for name, array in pack(OPTIMIZED, row).items()}
        return self.nnx.OptimizedLSTMCell(
            input_size,
            self.case.H,
            kernel_init=tensors["dense_i/kernel"],
            recurrent_kernel_init=tensors["dense_h/kernel"],
            bias_init=tensors["dense_h/bias"],
            rngs=self.rngs,
            **self.options(direction),
        )

    def add_head(self, tensors: dict[str, Any]) -> Any:
        """A Linear."""
        initial = {f"{name}_init": self._given(array) for name, array in tensors.items()}
        sizes = tensors["kernel"].shape
        return self._split(self.nnx.Linear(*sizes, param_dtype=self.case.dtype, rngs=self.rngs, **initial))

    def _given(self, array: Any) -> Any:
        """An initializer that has the numbers already."""
        return lambda key, shape, dtype: self.jax.device_put(array)

    def _split(self, module: Any) -> Any:
        structure, parameters = self.nnx.split(module, self.nnx.Param)
        self.structures.append(structure)
        return parameters

    def layer(self, number: int, parameters: Any, x: Any, carry: Any, lengths: Any) -> tuple[Any, Any]:
        """The module put together again, and called."""
        # Without an initial carry it wants random numbers, although the default initializer of a carry is zeros.
        rngs = self.nnx.Rngs(0) if carry is None else None
        module = self.nnx.merge(self.structures[number], parameters)
        found: tuple[Any, Any] = module(x, initial_carry=carry, seq_lengths=lengths, rngs=rngs)
        return found

    def head(self, parameters: Any, y: Any) -> Any:
        """Linear."""
        return self.nnx.merge(self.structures[-1], parameters["head"])(y)

    def pure(self, parameters: Any) -> dict[str, Any]:
        """What a state of nnx holds."""
        found: dict[str, Any] = self.nnx.to_pure_dict(parameters)
        return found


class _LinenNetwork(_FlaxNetwork):
    """Modules that are applied to their parameters."""

    layout = FLAX

    def __init__(self, jax: Any, optax: Any, case: Case, weights: Weights, linen: Any) -> None:
        self.linen = linen
        super().__init__(jax, optax, case, weights)
        cells = [linen.LSTMCell(case.H, **self.options(direction)) for direction in range(case.D)]
        if case.D == 2:
            self.module = linen.Bidirectional(*map(linen.RNN, cells), **self.scan_options)
        else:
            self.module = linen.RNN(cells[0], **self.scan_options)
        self.dense = None if case.head is None else linen.Dense(case.head.O, param_dtype=case.dtype)

    def add_layer(self, rows: Sequence[LayerWeights], input_size: int) -> Any:
        """The parameters alone: a module of linen takes its sizes from them."""
        rnns = [{"cell": nested(pack(FLAX, row))} for row in rows]
        return rnns[0] if len(rnns) == 1 else dict(zip(_DIRECTIONS, rnns, strict=True))

    def add_head(self, tensors: dict[str, Any]) -> Any:
        """The parameters of a Dense."""
        return tensors

    def layer(self, number: int, parameters: Any, x: Any, carry: Any, lengths: Any) -> tuple[Any, Any]:
        """The same module for every layer, applied to its parameters."""
        found: tuple[Any, Any] = self.module.apply({"params": parameters}, x, initial_carry=carry, seq_lengths=lengths)
        return found

    def head(self, parameters: Any, y: Any) -> Any:
        """Dense."""
        assert self.dense is not None
        return self.dense.apply({"params": parameters["head"]}, y)

    def pure(self, parameters: Any) -> dict[str, Any]:
        """Already so."""
        found: dict[str, Any] = parameters
        return found
