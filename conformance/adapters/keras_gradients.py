"""Keras' loss and gradients, differentiated by the backend: GradientTape, autograd or jax.grad.

The model of conformance.adapters.keras_model is called as a pure function of its inputs and weights
(`Model.stateless_call`), block by block if the case is a stream; truncated is keras.ops.stop_gradient on the carried
state. The cross-entropy is keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1), whose mean is
over the targets that are not ignored. https://keras.io/api/losses/probabilistic_losses/
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from conformance.adapters.gradients import of_weights
from conformance.adapters.keras_model import CaseModel
from conformance.adapters.layouts import KERAS
from conformance.case.model import Case
from conformance.case.tensors import COTANGENTS, Array, Inputs, Outputs

Loss = Callable[[Sequence[Any]], tuple[Any, list[Any]]]
"""Maps differentiable tensors to a loss, and to other results that are not differentiated."""


def outputs_of(built: CaseModel, inputs: Inputs) -> Outputs:
    """Every tensor of `case.outputs`, for a case that has a loss."""
    keras, case = built.keras, built.case
    fed = [_tensor(keras, array) for array in built.feed(inputs)]
    states = 2 * case.layers * case.D if built.has_state else 0
    mask = fed[1 + states :]
    weights = [keras.ops.convert_to_tensor(variable.value) for variable in built.model.trainable_variables]

    def loss(sources: Sequence[Any]) -> tuple[Any, list[Any]]:
        tensors, own = list(sources[: 1 + states]), list(sources[1 + states :])
        results = in_blocks(keras, case, lambda block: _called(built.model, own, block), tensors, mask)
        return loss_of(keras, case, inputs, results), results

    sources = fed[: 1 + states] + weights
    if case.gradients is None:
        value, results = loss(sources)
        gradients: list[Any] = []
    else:
        value, results, gradients = DIFFERENTIATE[keras.backend.backend()](loss, sources)
    arrays = [np.array(keras.ops.convert_to_numpy(tensor)) for tensor in results]
    outputs = built.outputs(arrays)
    if case.cross_entropy:
        # A bfloat16 tensor of TensorFlow without axes is converted by no function of NumPy.
        outputs["loss"] = np.array(keras.ops.convert_to_numpy(keras.ops.reshape(value, (1,)))).reshape(())
    if case.gradients is not None:
        found = [np.array(keras.ops.convert_to_numpy(gradient)) for gradient in gradients]
        outputs |= _named(case, found, states)
    return {name: outputs[name] for name in case.outputs}


def _tensor(keras: Any, array: Array) -> Any:
    # Given the dtype, JAX does not have to compile the copy.
    return keras.ops.convert_to_tensor(np.ascontiguousarray(array), dtype=array.dtype.name)


def _called(model: Any, weights: Sequence[Any], tensors: Sequence[Any]) -> list[Any]:
    results, _ = model.stateless_call(
        weights, [v.value for v in model.non_trainable_variables], tensors, training=False
    )
    return list(results)


def in_blocks(
    keras: Any, case: Case, call: Callable[[list[Any]], list[Any]], tensors: list[Any], mask: list[Any]
) -> list[Any]:
    """The model's results for the whole sequence; in a stream the state is carried from block to block.

    `mask`: (B, T), or nothing.
    """
    x, state = tensors[0], tensors[1:]
    parts: list[list[Any]] = []
    for steps in case.block_steps:
        if parts and case.gradients == "truncated":
            state = [keras.ops.stop_gradient(carried) for carried in state]
        parts.append(call([x[:, steps], *state, *(each[:, steps] for each in mask)]))
        state = parts[-1][1 : 1 + 2 * case.layers * case.D] if len(tensors) > 1 else []
    if len(parts) == 1:
        return parts[0]
    per_step = {0} | (
        {*range(1 + len(state), len(parts[0]))} if case.head and case.head.after == "every_step" else set()
    )
    return [
        keras.ops.concatenate([part[n] for part in parts], axis=1) if n in per_step else parts[-1][n]
        for n in range(len(parts[0]))
    ]


def loss_of(keras: Any, case: Case, inputs: Inputs, results: Sequence[Any]) -> Any:
    """The mean cross-entropy, or <y, dy> + <h_n, dh_n> + <c_n, dc_n>; 0 if the case has no gradients."""
    rows = 2 * case.layers * case.D
    if inputs.targets is not None:
        function = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1, dtype=case.dtype)
        return function(_tensor(keras, inputs.targets.T), results[1 + rows])
    pairs = [] if inputs.dy is None else [(results[0], inputs.dy.swapaxes(0, 1))]
    for n, name in enumerate(COTANGENTS[1:]):
        end: Array | None = getattr(inputs, name)
        if end is not None:
            pairs += zip(results[1 + n : 1 + rows : 2], end, strict=True)
    given = [(tensor, _tensor(keras, end)) for tensor, end in pairs]
    return sum(keras.ops.sum(tensor * end) for tensor, end in given)


def _named(case: Case, gradients: Sequence[Array], states: int) -> Outputs:
    """The gradients of the model's inputs and of its weights, by canonical names."""
    found: Outputs = {"d_x": np.ascontiguousarray(gradients[0].swapaxes(0, 1))}
    if states:
        found |= {"d_h0": np.stack(gradients[1 : 1 + states : 2]), "d_c0": np.stack(gradients[2 : 1 + states : 2])}
    of_layers = iter(gradients[1 + states :])
    names = ["kernel", "recurrent_kernel"] + (["bias"] if case.bias else [])
    rows = [{name: next(of_layers) for name in names} for _ in range(case.layers * case.D)]
    found |= of_weights(case, KERAS, rows)
    if case.head is not None:
        found |= {"d_W_y": np.ascontiguousarray(next(of_layers).T), "d_b_y": next(of_layers)}
    return found


def _by_tape(loss: Loss, sources: Sequence[Any]) -> tuple[Any, list[Any], list[Any]]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(sources)
        value, results = loss(sources)
    return value, results, tape.gradient(value, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _by_autograd(loss: Loss, sources: Sequence[Any]) -> tuple[Any, list[Any], list[Any]]:
    import torch

    leaves = [source.detach().clone().requires_grad_() for source in sources]
    value, results = loss(leaves)
    gradients = torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)
    return value, results, list(gradients)


def _by_jax(loss: Loss, sources: Sequence[Any]) -> tuple[Any, list[Any], list[Any]]:
    import jax

    (value, results), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(list(sources))
    return value, results, gradients


DIFFERENTIATE = {"tensorflow": _by_tape, "torch": _by_autograd, "jax": _by_jax}
