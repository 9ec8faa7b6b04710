"""A case as a functional keras.Model, for the adapters that run one and those that export one.

What the layers accept is on https://keras.io/api/layers/recurrent_layers/lstm/ and .../bidirectional/:

- `activation` is both G and Hh, `recurrent_activation` is S; each a name or any callable.
- `initial_state` is [h, c], and for Bidirectional the forward pair, then the backward pair.
- Steps are left out by a mask (B, T), False where "the corresponding timestep should be ignored", at any place
  in a row (https://keras.io/guides/understanding_masking_and_padding/). It is either the `mask` argument of each
  layer, or comes from upstream: a Masking layer derives it from the steps that hold nothing but `mask_value`, and
  Keras passes it from layer to layer. The third way, Embedding(mask_zero=True), takes indices, not numbers.
- `go_backwards`: "process the input sequence backwards and return the reversed sequence", so y is reversed again,
  together with the mask that Keras passes on, before anything follows.
- `Bidirectional(backward_layer=)` lets each direction have its own activations.
- `dtype` is the layer's policy: float16, bfloat16, float32 or float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from conformance.adapters.base import zeros_if_absent
from conformance.adapters.layouts import KERAS, pack
from conformance.case.dtypes import numpy_dtype
from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.case.tensors import Array, Inputs, LayerWeights, Outputs, Weights

HARD_SIGMOID = Activation(name="hard_sigmoid", alpha=1 / 6, beta=0.5)
"""The only hard sigmoid that Keras has under this name."""


class CaseModel:
    """`model`, a keras.Model with the case's weights, and how canonical arrays go in and come out.

    Inputs, in this order: x (B, T', I); h0 (B, H) and c0 (B, H) of each layer and direction if the case has a state;
    the mask (B, T') if it is an argument. Outputs: y (B, T', D*H), h and c (B, H) of each layer and direction, and
    logits if it has a head.
    """

    def __init__(self, keras: Any, case: Case, weights: Weights) -> None:
        self.keras = keras
        self.case = case
        # A stream's first block may come without a state, later ones never do.
        self.has_state = case.h0 is not None or case.c0 is not None or case.blocks is not None
        self.has_mask_input = case.masked and case.lengths_via != "upstream"
        self.model = self._build(weights)

    def feed(self, inputs: Inputs) -> list[Array]:
        """The arrays for the model's inputs, in their order."""
        arrays = [inputs.x.transpose(1, 0, 2)]
        if self.has_state:
            # initial_state takes h and c together, so if one of them is absent, zeros are given for it.
            pairs = zip(*zeros_if_absent(self.case, inputs), strict=True)
            arrays += [state for pair in pairs for state in pair]
        if self.has_mask_input:
            arrays.append(_mask(inputs))
        return [np.ascontiguousarray(array) for array in arrays]

    def outputs(self, results: Sequence[Array]) -> Outputs:
        """The canonical tensors from the model's outputs, in their order."""
        rows = self.case.layers * self.case.D
        states = results[1 : 1 + 2 * rows]
        outputs = {"y": _time_major(results[0]), "h_n": np.stack(states[0::2]), "c_n": np.stack(states[1::2])}
        if self.case.head is not None:
            logits, per_step = results[1 + 2 * rows], self.case.head.after == "every_step"
            outputs["logits"] = _time_major(logits) if per_step else np.array(logits)
            if self.case.head.softmax:
                probabilities = results[2 + 2 * rows]
                outputs["probabilities"] = _time_major(probabilities) if per_step else np.array(probabilities)
        return outputs

    def _build(self, weights: Weights) -> Any:
        keras, case = self.keras, self.case
        y = keras.Input((None, case.I), name="x", dtype=case.dtype)
        inputs, mask, states = [y], None, []
        if self.has_state:
            names = [f"{state}_{row}" for row in range(case.layers * case.D) for state in ("h0", "c0")]
            states = [keras.Input((case.H,), name=name, dtype=case.dtype) for name in names]
            inputs += states
        if self.has_mask_input:
            mask = keras.Input((None,), name="mask", dtype="bool")
            inputs.append(mask)
        elif case.masked:
            y = keras.layers.Masking(mask_value=case.padding, dtype=case.dtype)(y)
        finals = []
        for layer in range(case.layers):
            rows = slice(layer * case.D, (layer + 1) * case.D)
            initial = states[2 * rows.start : 2 * rows.stop] or None
            y, *final = self._layer(weights.rows[rows], y.shape[-1])(y, initial_state=initial, mask=mask)
            y = self._turned_round(y) if case.direction == "reverse" else y
            finals += final
        return keras.Model(inputs, [y, *finals, *self._logits(y, weights)])

    def _layer(self, rows: Sequence[LayerWeights], input_size: int) -> Any:
        """One layer with its weights: an LSTM, or a Bidirectional with one or two of them."""
        case = self.case
        layer = self._lstm(0)
        if case.D == 2:
            same = case.activations_of(0) == case.activations_of(1)
            backward = None if same else self._lstm(1)
            layer = self.keras.layers.Bidirectional(
                layer, merge_mode="concat", backward_layer=backward, dtype=case.dtype
            )
        layer.build((None, None, input_size))
        names = ["kernel", "recurrent_kernel"] + (["bias"] if case.bias else [])
        packed = [pack(KERAS, row) for row in rows]
        layer.set_weights([tensors[name] for tensors in packed for name in names])
        return layer

    def _lstm(self, direction: int) -> Any:
        # Every weight is set afterwards, and the default initializers have a cost: orthogonal has no half precision,
        # and on JAX each initializer is compiled again for each shape.
        unset = zeros_on_host(self.keras)
        activations = self.case.activations_of(direction)
        return self.keras.layers.LSTM(
            self.case.H,
            activation=activation_of(self.keras, activations.cell),
            recurrent_activation=activation_of(self.keras, activations.gate),
            use_bias=self.case.bias,
            kernel_initializer=unset,
            recurrent_initializer=unset,
            bias_initializer=unset,
            unit_forget_bias=False,
            go_backwards=self.case.reverse(direction),
            return_sequences=True,
            return_state=True,
            dtype=self.case.dtype,
        )

    def _turned_round(self, y: Any) -> Any:
        """A sequence brought from the order of processing to the order of time, with the mask that it carries."""
        flip = self.keras.ops.flip

        def mask_of(_: Any, mask: Any) -> Any:
            return None if mask is None else flip(mask, axis=1)

        return self.keras.layers.Lambda(lambda y: flip(y, axis=1), mask=mask_of, dtype=self.case.dtype)(y)

    def _logits(self, y: Any, weights: Weights) -> list[Any]:
        head = self.case.head
        if head is None or weights.W_y is None or weights.b_y is None:
            return []
        unset = zeros_on_host(self.keras)
        dense = self.keras.layers.Dense(head.O, kernel_initializer=unset, bias_initializer=unset, dtype=self.case.dtype)
        dense.build((None, y.shape[-1]))
        dense.set_weights([np.ascontiguousarray(weights.W_y.T), weights.b_y])
        logits = dense(y if head.after == "every_step" else y[:, -1])
        return [logits, self.keras.activations.softmax(logits)] if head.softmax else [logits]


@cache
def zeros_on_host(keras: Any) -> Any:
    """An initializer for which the backend computes nothing and JAX compiles nothing."""

    def zeros(shape: tuple[int, ...], dtype: str) -> Any:
        found = np.zeros(shape, numpy_dtype(dtype))
        if keras.config.backend() != "jax":
            return found
        import jax

        return jax.device_put(found)  # Keras' own copy of a NumPy array is compiled for each shape

    return keras.saving.register_keras_serializable(package="conformance")(zeros)


@cache
def activation_of(keras: Any, activation: Activation) -> Any:
    """The argument for an LSTM's activation: Keras' own name for it, or a callable made of Keras functions."""
    alpha, beta, ops = activation.alpha, activation.beta, keras.ops
    formulas: dict[str, Callable[[Any], Any]] = {
        "hard_sigmoid": lambda x: ops.clip(alpha * x + beta, 0.0, 1.0),
        "affine": lambda x: alpha * x + beta,
        "leaky_relu": lambda x: keras.activations.leaky_relu(x, negative_slope=alpha),
        "thresholded_relu": lambda x: keras.activations.relu(x, threshold=alpha),
        "scaled_tanh": lambda x: alpha * ops.tanh(beta * x),
        "elu": lambda x: keras.activations.elu(x, alpha=alpha),
    }
    if activation == HARD_SIGMOID or activation.defaults is not None or activation.name not in formulas:
        return activation.name
    formula = formulas[activation.name]

    def function(x: Any) -> Any:
        return formula(x)

    # Bidirectional rebuilds its layers from their configuration, where a function (not a lambda) is known by the
    # name under which it is registered.
    name = "-".join([activation.name, *(p.hex() for p in (alpha, beta) if p is not None)])
    return keras.saving.register_keras_serializable(package="conformance", name=name)(function)


def _mask(inputs: Inputs) -> Array:
    """(B, T'), True where a step counts."""
    if inputs.mask is not None:
        return inputs.mask.T
    assert inputs.lengths is not None
    valid: Array = np.arange(inputs.x.shape[0]) < inputs.lengths[:, None]
    return valid


def _time_major(array: Array) -> Array:
    return np.ascontiguousarray(array.transpose(1, 0, 2)).copy()
