"""Paddle's loss and gradients: paddle.grad through a module of conformance.engines.paddle_module.

    cross-entropy   paddle.nn.functional.cross_entropy: mean over the targets that are not `ignore_index`, of which "a
                    negative value means that no label value needs to be ignored"
    gradients       paddle.grad of the loss, or of y, h_n and c_n with the gradients given for them
    truncated       the carried state is detached between two blocks

https://www.paddlepaddle.org.cn/documentation/docs/en/api/paddle/grad_en.html. Like paddle_module, it imports paddle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

from conformance.adapters.base import zeros_if_absent
from conformance.adapters.gradients import of_weights
from conformance.case.model import Case
from conformance.case.tensors import COTANGENTS, Array, Inputs, Outputs
from conformance.engines.paddle_module import LAYOUT, turned


def outputs_of(module: Any, call: Any, case: Case, inputs: Inputs) -> Outputs:
    """Every tensor of `case.outputs`, for a case that has a loss.

    Args:
        module: with the parameters.
        call: the module, or what it was compiled to; x, h0, c0 and lengths in, y, h_n, c_n and more out.
        case: of the module.
        inputs: of the whole sequence.
    """
    module.train()  # otherwise the layer keeps nothing for the gradients; there is no dropout
    given = {name: getattr(inputs, name) for name in ("x", "h0", "c0")}
    leaves = {n: paddle.to_tensor(a, stop_gradient=False) for n, a in given.items() if a is not None}
    found = _in_blocks(module, call, case, inputs, leaves)
    if inputs.targets is not None:
        logits = found["logits"]
        classes = logits.shape[-1]
        targets = paddle.to_tensor(np.where(inputs.targets < 0, classes, inputs.targets).reshape(-1))
        found["loss"] = paddle.nn.functional.cross_entropy(logits.reshape([-1, classes]), targets, ignore_index=classes)
    if case.gradients is None:
        return {name: found[name].numpy() for name in case.outputs}
    parameters = [[getattr(cell, name) for name in _names(case)] for cell in module.cells]
    head = [] if module.head is None else [module.head.weight, module.head.bias]
    sources = [*leaves.values(), *(p for row in parameters for p in row), *head]
    ends = {name.removeprefix("d"): getattr(inputs, name) for name in COTANGENTS}
    ends = {"loss": np.ones((), case.np_dtype)} if case.cross_entropy else ends
    ends = {name: paddle.to_tensor(end) for name, end in ends.items() if end is not None}
    gradients = paddle.grad([found[name] for name in ends], sources, list(ends.values()), allow_unused=True)
    arrays = iter([_array(source, gradient) for source, gradient in zip(sources, gradients, strict=True)])
    outputs = {name: tensor.numpy() for name, tensor in found.items()}
    outputs |= {f"d_{name}": next(arrays) for name in leaves}
    outputs |= of_weights(case, LAYOUT, [turned({n: next(arrays) for n in _names(case)}) for _ in parameters])
    if head:
        outputs |= {"d_W_y": np.array(next(arrays).T, order="C"), "d_b_y": next(arrays)}
    return {name: outputs[name] for name in case.outputs}


def _in_blocks(module: Any, call: Any, case: Case, inputs: Inputs, leaves: dict[str, Any]) -> dict[str, Any]:
    """The module's outputs, time major; in a stream the state is carried from block to block."""
    state: list[Any] = []
    if "h0" in leaves or "c0" in leaves:  # both or neither
        both = zip(("h0", "c0"), zeros_if_absent(case, inputs), strict=True)
        state = [leaves[name] if name in leaves else paddle.to_tensor(array) for name, array in both]
    parts: list[list[Any]] = []
    for steps in case.block_steps:
        if parts and case.gradients == "truncated":
            state = [carried.detach() for carried in state]
        x, lengths = leaves["x"][steps], inputs.block(steps).lengths
        more = {} if lengths is None else {"lengths": paddle.to_tensor(lengths)}
        parts.append(list(call(x if module.time_major else x.transpose([1, 0, 2]), *state, **more)))
        state = parts[-1][1:3]
    names: list[str] = [name for name in ("y", "h_n", "c_n", "logits", "probabilities") if name in case.outputs]
    found = dict(zip(names, parts[-1], strict=True))
    per_step = ["y"]
    if case.head is not None and case.head.after == "every_step":
        per_step += [name for name in ("logits", "probabilities") if name in names]
    for name in per_step:
        blocks = [part[names.index(name)] for part in parts]
        found[name] = paddle.concat([b if module.time_major else b.transpose([1, 0, 2]) for b in blocks])
    return found


def _names(case: Case) -> list[str]:
    return [*LAYOUT.tensors, *([LAYOUT.projection] if case.P is not None and LAYOUT.projection else [])]


def _array(source: Any, gradient: Any) -> Array:
    """A gradient; Paddle has None if nothing depends on the source."""
    return np.zeros(source.shape, source.numpy().dtype) if gradient is None else np.array(gradient.numpy())
