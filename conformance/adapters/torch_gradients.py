"""torch's loss and gradients: autograd through a module of conformance.adapters.torch_module.

    cross-entropy   torch.nn.functional.cross_entropy: mean over the targets that are not `ignore_index`
    gradients       torch.autograd.backward from the loss, or from y, h_n and c_n with the gradients given for them
    truncated       the carried state is detached between two blocks, as in torch's own examples

https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html and
.../torch.autograd.backward.html. Like torch_module, it imports torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from conformance.adapters.base import zeros_if_absent
from conformance.adapters.gradients import of_weights
from conformance.adapters.layouts import TORCH
from conformance.adapters.torch_module import to_numpy, to_torch
from conformance.case.model import Case
from conformance.case.tensors import COTANGENTS, Inputs, Outputs


def outputs_of(
    module: Any,
    case: Case,
    inputs: Inputs,
    device: str,
    weight_gradients: Callable[[Any, Case], Outputs] | None = None,
) -> Outputs:
    """Every tensor of `case.outputs`, for a case that has a loss.

    weight_gradients: the gradients of the module's parameters, if it is none of conformance.adapters.torch_module.
    """
    module.train()  # cuDNN has no gradients in evaluation mode; there is no dropout for it to enable
    module.zero_grad()
    given = {name: getattr(inputs, name) for name in ("x", "h0", "c0")}
    leaves = {n: to_torch(a, device).requires_grad_() for n, a in given.items() if a is not None}
    found = dict(zip(("y", "h_n", "c_n"), _in_blocks(module, case, inputs, leaves, device), strict=True))
    if module.head is not None:
        found["logits"] = module.head(found["y"][-1] if module.head_on_last_step else found["y"])
        found["probabilities"] = torch.softmax(found["logits"], -1)
    if inputs.targets is not None:
        logits, targets = found["logits"], to_torch(inputs.targets, device)
        found["loss"] = torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=-1
        )
    if case.gradients is not None:
        _backward(case, inputs, found, device)
        found |= {f"d_{name}": _gradient(leaf) for name, leaf in leaves.items()}
    outputs = {name: to_numpy(tensor) for name, tensor in found.items()}
    if case.gradients is not None:
        outputs |= (weight_gradients or _weight_gradients)(module, case)
    return {name: outputs[name] for name in case.outputs}


def _in_blocks(module: Any, case: Case, inputs: Inputs, leaves: dict[str, Any], device: str) -> tuple[Any, Any, Any]:
    """y (T, B, D*P), h_n and c_n; in a stream the state is carried from block to block."""
    state: dict[str, Any] = {}
    if "h0" in leaves or "c0" in leaves:  # torch takes both or neither
        both = zip(("h0", "c0"), zeros_if_absent(case, inputs), strict=True)
        state = {name: leaves.get(name, to_torch(array, device)) for name, array in both}
    batch_first = case.layout == "batch_major"
    ys: list[Any] = []
    for steps in case.block_steps:
        if ys and case.gradients == "truncated":
            state = {name: carried.detach() for name, carried in state.items()}
        x, lengths = leaves["x"][steps], inputs.block(steps).lengths
        given = state if lengths is None else state | {"lengths": to_torch(lengths)}
        y, h_n, c_n, *_ = module(x.transpose(0, 1) if batch_first else x, **given)
        ys.append(y.transpose(0, 1) if batch_first else y)
        state |= {"h0": h_n, "c0": c_n}
    return torch.cat(ys), state["h0"], state["c0"]


def _backward(case: Case, inputs: Inputs, found: dict[str, Any], device: str) -> None:
    if case.cross_entropy:
        found["loss"].backward()
        return
    ends = {name: getattr(inputs, name) for name in COTANGENTS}
    ends = {name.removeprefix("d"): to_torch(end, device) for name, end in ends.items() if end is not None}
    torch.autograd.backward([found[name] for name in ends], list(ends.values()))


def _gradient(leaf: Any) -> Any:
    """A leaf's gradient; torch has None if the loss does not depend on it."""
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def _weight_gradients(module: Any, case: Case) -> Outputs:
    """The gradients of the parameters, by the canonical names of the weights."""
    gradients = {name: to_numpy(_gradient(parameter)) for name, parameter in module.named_parameters()}
    found: Outputs = {}
    if module.head is not None:
        found |= {"d_W_y": gradients["head.weight"], "d_b_y": gradients["head.bias"]}
    rows = []
    for row in range(case.layers * case.D):
        suffix = module.suffix(case, row)
        own = {name: a for name, a in gradients.items() if name.startswith("layer.") and name.endswith(suffix)}
        rows.append({name.removeprefix("layer.").removesuffix(suffix): array for name, array in own.items()})
    return found | of_weights(case, TORCH, rows)
