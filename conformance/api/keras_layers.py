"""Keras layers of the user's: made and called as keras.layers.LSTM is, differentiated by the backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from conformance.adapters import keras_gradients
from conformance.adapters.base import Model, PaddedY, zeros_if_absent
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.gradients import of_weights
from conformance.adapters.layouts import Layout
from conformance.api.functions import EVERY_DTYPE, absent, canonical, offer, three
from conformance.api.layouts import LAYOUTS, bare
from conformance.api.told import Told, arguments_for, arguments_of, parameters_of
from conformance.api.weights import placed
from conformance.case.errors import ConformanceError, UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Inputs, Outputs, Weights

_STATES = ("initial_state", "initial_states", "states", "state")
"""What a layer's `call` names its states, [h, c] (B, H)."""


class KerasLayers:
    """conformance.api.layers.Kind for Keras, whose module is given."""

    def __init__(self, keras: Any) -> None:
        self._keras = keras

    def versions(self) -> dict[str, str]:
        """Keras' and its backend's."""
        return {"keras": str(self._keras.__version__), "backend": str(self._keras.backend.backend())}

    def padded_y(self, layer: Any, case: Case) -> PaddedY:
        """The y before it for keras.layers.RNN and what is made of it (conformance.adapters.keras_lstm); else zeros."""
        return "last" if isinstance(layer, self._keras.layers.RNN) else "zeros"

    def capabilities(self, maker: Any, told: Told) -> Capabilities:
        """One forward layer; lengths and holes if its `call` has a mask."""
        masked = "mask" in parameters_of(told.call or maker.call)
        return Capabilities(
            dtypes=EVERY_DTYPE,
            max_layers=1,
            lengths="each" if masked else "none",
            min_length=0,
            holes=masked,
            batch_major=True,
            head=False,
            gradients=frozenset({"whole", "truncated"}) if told.gradients else frozenset(),
        )

    def made(self, maker: Any, case: Case, told: Told) -> Any:
        """A layer of the class, with those of keras.layers.LSTM's arguments that it has."""
        offered = {"units": case.H, "use_bias": case.bias, "return_sequences": True, "return_state": True}
        hint = f"lambda case: {maker.__name__}(case.H, dtype=case.dtype)"
        return maker(**arguments_of(maker, offered, hint, told.name), dtype=case.dtype)

    def model(self, layer: Any, case: Case, weights: Weights, told: Told) -> Model:
        """The layer with its weights."""
        if layer.compute_dtype != case.dtype:
            raise UnsupportedOption(
                f"{told.name} was made in {layer.compute_dtype}, not in {case.dtype}; give it dtype=case.dtype"
            )
        layout = told.layout or LAYOUTS["keras"]
        self._load(layer, layout, case, weights, told)
        called = _Called(self._keras, layer, case, told)

        def model(inputs: Inputs) -> Outputs:
            if case.has_loss:
                return called.differentiated(inputs, bare(layout))
            y, h, c = called(*called.fed(inputs))
            return canonical(case, told, (y, _with_axis(h), _with_axis(c)), True)

        return model

    def _load(self, layer: Any, layout: Layout, case: Case, weights: Weights, told: Told) -> None:
        if not layer.built:
            layer.build((case.B, case.T, case.I))
        if told.load is not None:
            from conformance.api.layouts import in_layout

            told.load(layer, in_layout(layout, case, weights))
            return
        own = _by_name(layer, told.name)
        arrays = placed(layout, case, weights, {name: tuple(v.shape) for name, v in own.items()}, told.name)
        for name, array in arrays.items():
            own[name].assign(array)


class _Called:
    """A layer that is called batch-major with tensors: x (B, T, I), the states or nothing, the mask or nothing."""

    def __init__(self, keras: Any, layer: Any, case: Case, told: Told) -> None:
        self._keras, self._layer, self._case, self._told = keras, layer, case, told
        names = parameters_of(layer.call)
        self._state = next((name for name in _STATES if name in names), None)
        self._has_state = case.h0 is not None or case.c0 is not None or case.blocks is not None
        if told.call is None and self._has_state and self._state is None:
            raise UnsupportedOption(f"{told.name} takes no initial_state")
        if case.masked and "mask" not in parameters_of(told.call or layer.call):
            raise UnsupportedOption(f"{told.name} takes no mask")

    def fed(self, inputs: Inputs) -> tuple[Any, list[Any], Any]:
        """x, [h0, c0] or [], and the mask or None, as tensors."""
        offered = offer(self._case, inputs, True)
        convert = self._keras.ops.convert_to_tensor
        states = []
        if self._has_state:
            states = [convert(np.ascontiguousarray(each[0])) for each in zeros_if_absent(self._case, inputs)]
        mask = None if offered["mask"] is None else convert(offered["mask"])
        return convert(offered["x"]), states, mask

    def __call__(self, x: Any, states: Sequence[Any], mask: Any) -> tuple[Any, Any, Any]:
        """y (B, T, H), h and c (B, H)."""
        told = self._told
        if told.call is not None:
            h0, c0 = states or (None, None)
            offered = {"module": self._layer, "x": x, "state": list(states) or None, "h0": h0, "c0": c0, "mask": mask}
            zeros = absent(self._case, Inputs(np.zeros((x.shape[1], x.shape[0], 1), self._case.np_dtype)), True)
            instead = {
                "h0": lambda: zeros["h0"]()[0],
                "c0": lambda: zeros["c0"]()[0],
                "state": lambda: [zeros[name]()[0] for name in ("h0", "c0")],
                "mask": zeros["mask"],
            }
            return three(told.call(**arguments_for(told.call, offered, instead, "call")), told.name)
        return three(self._layer(x, **self._more(states, mask)), told.name)

    def _more(self, states: Sequence[Any], mask: Any) -> dict[str, Any]:
        more: dict[str, Any] = {} if mask is None else {"mask": mask}
        return more | ({self._state: list(states)} if states and self._state is not None else {})

    def differentiated(self, inputs: Inputs, layout: Layout) -> Outputs:
        """Outputs and gradients.

        Raises:
            UnsupportedOption: something of the user's sets the weights or calls the layer.
        """
        keras, case, layer, told = self._keras, self._case, self._layer, self._told
        if told.load is not None or told.call is not None:
            raise UnsupportedOption(f"{told.name}: gradients of a Keras layer are checked without load= and call=")
        x, states, mask = self.fed(inputs)
        weights = [keras.ops.convert_to_tensor(each.value) for each in layer.trainable_variables]
        rest = [each.value for each in layer.non_trainable_variables]
        count = 1 + len(states)

        def loss(sources: Sequence[Any]) -> tuple[Any, list[Any]]:
            def call(block: list[Any]) -> list[Any]:
                more = self._more(block[1:count], None if mask is None else block[-1])
                result, _ = layer.stateless_call(list(sources[count:]), rest, block[0], **more)
                return list(three(result, told.name))

            results = keras_gradients.in_blocks(
                keras, case, call, list(sources[:count]), [] if mask is None else [mask]
            )
            return keras_gradients.loss_of(keras, case, inputs, results), results

        differentiate = keras_gradients.DIFFERENTIATE[keras.backend.backend()]
        _, results, gradients = differentiate(loss, [x, *states, *weights])
        found = canonical(case, told, (results[0], _with_axis(results[1]), _with_axis(results[2])), True)
        arrays = [np.array(keras.ops.convert_to_numpy(each)) for each in gradients]
        found["d_x"] = np.ascontiguousarray(arrays[0].swapaxes(0, 1))
        if states:
            found |= {"d_h0": arrays[1][None], "d_c0": arrays[2][None]}
        trained = {id(each): array for each, array in zip(layer.trainable_variables, arrays[count:], strict=True)}
        named = {name: trained[id(each)] for name, each in _by_name(layer, told.name).items() if id(each) in trained}
        found |= of_weights(case, layout, [named])
        return {name: found[name] for name in case.outputs}


def _with_axis(state: Any) -> Any:
    return state[None]


def _by_name(layer: Any, name: str) -> dict[str, Any]:
    """The trainable variables of a layer by their own names.

    Raises:
        ConformanceError: two have the same.
    """
    found: dict[str, Any] = {}
    for variable in layer.trainable_variables:
        if variable.name in found:
            raise ConformanceError(f"{name} has several weights called {variable.name!r}; set them with load=")
        found[variable.name] = variable
    return found
