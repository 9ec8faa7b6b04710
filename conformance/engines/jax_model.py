"""What the adapters of JAX' libraries share: a case as one compiled function of the library's own parameters.

A library gives its layers as pure functions of a pytree of parameters (`Network`). Around them are, from JAX itself:

    a stream's gradients   the state is carried from block to block; truncated is jax.lax.stop_gradient on it
    gradients              jax.vjp from the loss, or from y, h_n and c_n with the gradients given for them
    compilation            jax.jit, once for each shape

https://docs.jax.dev/en/latest/_autosummary/jax.vjp.html, .../jax.jit.html, .../jax.lax.stop_gradient.html
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np

from conformance.adapters.base import Adapter, Model, zeros_if_absent
from conformance.adapters.settings import of_jax
from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.case.tensors import COTANGENTS, Inputs, Outputs, Weights

HARD_SIGMOID = Activation(name="hard_sigmoid", alpha=1 / 6, beta=0.5)
"""The hard sigmoid that JAX has under this name."""


class Network(ABC):
    """A case's layers and head in a library.

    parameters: a pytree of all weights as the library names them. batch_major: whether x and y are (B, T, ...) at its
    interface. needs_states: whether states cannot be left out there.
    """

    parameters: Any
    batch_major: bool
    needs_states: bool

    @abstractmethod
    def layers(self, parameters: Any, x: Any, states: Any, lengths: Any) -> tuple[Any, Any, Any]:
        """y, h_n (L*D, B, H) and c_n (L*D, B, H).

        Args:
            parameters: like `self.parameters`.
            x: in the interface's layout.
            states: h0 (L*D, B, H) and c0 (L*D, B, H), or None.
            lengths: (B,), int32, or None.
        """

    def head(self, parameters: Any, y: Any) -> Any:
        """The logits (..., O) of y (..., D*H)."""
        raise NotImplementedError

    def softmax(self, logits: Any) -> Any:
        """The probabilities of logits (..., O)."""
        raise NotImplementedError

    def cross_entropy(self, logits: Any, targets: Any) -> Any:
        """The mean cross-entropy of logits (..., O) over the targets (...) that are not -1."""
        raise NotImplementedError

    @abstractmethod
    def weight_gradients(self, found: Any) -> Outputs:
        """The gradients of the parameters by the canonical names of the weights."""


class JaxAdapter(Adapter):
    """A library on JAX, on the CPU and with float64 switched on."""

    packages: ClassVar[tuple[str, ...]]
    """Those that compute, the deciding one first."""

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import jax

        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_enable_x64", True)  # without it JAX computes float64 in float32
        self._jax: Any = jax

    @property
    def versions(self) -> dict[str, str]:
        """The library and JAX."""
        return {name: version(name) for name in self.packages}

    @property
    def settings(self) -> dict[str, str]:
        """JAX'."""
        return of_jax(self._jax)

    @abstractmethod
    def network(self, case: Case, weights: Weights) -> Network:
        """The case in the library, with these weights."""

    def prepare(self, case: Case, weights: Weights) -> Model:
        """A compiled function of the case."""
        return _Compiled(self._jax, case, self.network(case, weights))


class _Compiled:
    """A case's network as a model."""

    def __init__(self, jax: Any, case: Case, network: Network) -> None:
        self._jax, self._case, self._network = jax, case, network
        self._run = jax.jit(self._differentiated if case.gradients is not None else self._forward)

    def __call__(self, inputs: Inputs) -> Outputs:
        case, states = self._case, None
        if self._network.needs_states or inputs.h0 is not None or inputs.c0 is not None:
            states = zeros_if_absent(case, inputs)  # one cannot be given without the other
        of_calls = [inputs.block(steps).lengths for steps in self._steps(inputs.x)]
        lengths = [None if each is None else each.astype(np.int32) for each in of_calls]
        found = self._run(self._network.parameters, inputs.x, states, lengths, inputs.targets, self._ends(inputs))
        if case.gradients is not None:
            found, gradients, (d_x, d_states) = found
            found |= {"d_x": d_x} | dict(zip(("d_h0", "d_c0"), d_states or (), strict=False))
            found |= self._network.weight_gradients(self._jax.tree.map(np.array, gradients))
        return {name: np.array(found[name]) for name in case.outputs}

    def _steps(self, x: Any) -> list[slice]:
        """The steps of each call of the layers: the blocks of a loss, which has to see all of them, or all of x."""
        return self._case.block_steps if self._case.has_loss else [slice(0, x.shape[0])]

    def _ends(self, inputs: Inputs) -> Outputs:
        """dL/d(an output) by the output's name."""
        if self._case.cross_entropy:
            return {"loss": np.ones((), self._case.np_dtype)}
        ends = {name.removeprefix("d"): getattr(inputs, name) for name in COTANGENTS}
        return {name: end for name, end in ends.items() if end is not None}

    def _differentiated(self, parameters: Any, x: Any, states: Any, lengths: Any, targets: Any, ends: Any) -> Any:
        def outputs(parameters: Any, x: Any, states: Any) -> tuple[Any, Any]:
            found = self._forward(parameters, x, states, lengths, targets, ends)
            return {name: found[name] for name in ends}, found

        _, back, found = self._jax.vjp(outputs, parameters, x, states, has_aux=True)
        gradients, *of_inputs = back(ends)
        return found, gradients, of_inputs

    def _forward(
        self, parameters: Any, x: Any, states: Any, lengths: list[Any], targets: Any, ends: Any
    ) -> dict[str, Any]:
        case, jnp, network = self._case, self._jax.numpy, self._network
        ys: list[Any] = []
        for steps, length in zip(self._steps(x), lengths, strict=True):
            if ys and case.gradients == "truncated":
                states = self._jax.lax.stop_gradient(states)
            y, *states = self._layers(parameters, x[steps], states, length)
            ys.append(y)
        y = ys[0] if len(ys) == 1 else jnp.concatenate(ys)
        found = {"y": y, "h_n": states[0], "c_n": states[1]}
        if case.head is not None:
            found["logits"] = network.head(parameters, y if case.head.after == "every_step" else y[-1])
            if case.head.softmax:
                found["probabilities"] = network.softmax(found["logits"])
        if case.cross_entropy:
            found["loss"] = network.cross_entropy(found["logits"], targets)
        return found

    def _layers(self, parameters: Any, x: Any, states: Any, lengths: Any) -> tuple[Any, Any, Any]:
        """`Network.layers` of a time-major x, with a time-major y."""
        if not self._network.batch_major:
            return self._network.layers(parameters, x, states, lengths)
        y, h_n, c_n = self._network.layers(parameters, x.swapaxes(0, 1), states, lengths)
        return y.swapaxes(0, 1), h_n, c_n


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors named `a/b` as dicts of dicts."""
    found: dict[str, Any] = {}
    for name, array in flat.items():
        *path, last = name.split("/")
        inner = found
        for key in path:
            inner = inner.setdefault(key, {})
        inner[last] = array
    return found


def flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `nested`."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        below = {f"{key}/{name}": each for name, each in flat(value).items()} if isinstance(value, Mapping) else {}
        found |= below or {key: value}
    return found


def function_of(jax: Any, activation: Activation) -> Callable[[Any], Any]:
    """An activation as a function of jax.nn, or built from functions of jax.numpy."""
    alpha, beta, jnp, nn = activation.alpha, activation.beta, jax.numpy, jax.nn
    functions: dict[str, Callable[[Any], Any]] = {
        "sigmoid": nn.sigmoid,
        "tanh": nn.tanh,
        "relu": nn.relu,
        "hard_sigmoid": lambda z: jnp.clip(alpha * z + beta, 0.0, 1.0),
        "affine": lambda z: alpha * z + beta,
        "leaky_relu": lambda z: nn.leaky_relu(z, alpha),
        "thresholded_relu": lambda z: jnp.where(z < alpha, jnp.zeros_like(z), z),
        "scaled_tanh": lambda z: alpha * jnp.tanh(beta * z),
        "elu": lambda z: nn.elu(z, alpha),
        "softsign": nn.soft_sign,
        "softplus": nn.softplus,
        "linear": lambda z: z,
    }
    return nn.hard_sigmoid if activation == HARD_SIGMOID else functions[activation.name]
