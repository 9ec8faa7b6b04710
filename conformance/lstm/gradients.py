"""The reference's gradients: back-propagation through time in NumPy, following docs/equations.md, section 8.

    run             the forward pass, which records a tape, then the backward pass along it
    from_loss       dL/dy, dL/dh_n and dL/dc_n, and the gradients of the head
    layer_back      one or two directions
    scan_back       the steps of a sequence, last one first
    step_back       one time step (conformance.lstm.cell_gradients)
    weights_back    the gradients of the weights of one layer and direction, summed over all steps and rows

dv stands for dL/dv throughout. As in the reference, a variant (for example a mistake) is a subclass that replaces one
method.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Inputs, Outputs, Weights
from conformance.lstm.cell_gradients import CellGradients, Parts
from conformance.lstm.reference import Reference
from conformance.lstm.step import F, I, O, Scan, State, Step
from conformance.lstm.tape import Recorded, Taped

Computing = TypeVar("Computing", bound=Reference)


class Gradients(Recorded, CellGradients):
    """The LSTM of one case with the gradients of its loss."""

    def run(self, arrays: Arrays) -> Outputs:
        """Every tensor of `case.outputs`."""
        outputs = super().run(arrays)
        return outputs if self.case.gradients is None else self.with_gradients(arrays, outputs)

    def with_gradients(self, arrays: Arrays, outputs: Outputs) -> Outputs:
        """Every tensor of `case.outputs` from those of a forward pass, whose steps are on the tape."""
        with np.errstate(over="ignore", invalid="ignore"):
            found = outputs | self.gradients(arrays, outputs)
        return {name: found[name] for name in self.case.outputs}

    def scan(self, given: Scan) -> tuple[Array, State]:
        """The reference's scan, computed and recorded on an x whose padding is replaced by zeros."""
        return super().scan(
            given if given.valid is None else replace(given, x=self.without_padding(given.x, given.valid))
        )

    def without_padding(self, x: Array, valid: Array) -> Array:
        """x with zeros at the steps that a row leaves out: padding may be NaN, and 0 * NaN is NaN going backward."""
        return np.where(valid[..., None], x, np.zeros_like(x))

    # From the loss to y, h_n and c_n.

    def gradients(self, arrays: Arrays, outputs: Outputs) -> Outputs:
        """d_x, d_h0, d_c0 and d_<weight> for every weight tensor."""
        found: Outputs = {}
        dy, dh_n, dc_n = self.from_loss(arrays, outputs, found)
        starts: dict[int, State] = {}
        for layer in range(self.case.layers)[::-1]:
            dy = self.layer_back(layer, dy, dh_n, dc_n, starts, found)
        found["d_x"] = dy
        rows = range(len(self.tape))
        found["d_h0"] = np.stack([starts[row].h for row in rows])
        found["d_c0"] = np.stack([starts[row].c for row in rows])
        return found

    def from_loss(self, arrays: Arrays, outputs: Outputs, found: Outputs) -> tuple[Array, Array, Array]:
        """dL/dy, dL/dh_n and dL/dc_n; the gradients of a head's weights are added to `found`."""
        inputs, y = arrays.inputs, outputs["y"]
        if self.case.cross_entropy:
            dy = self.head_back(arrays.weights, inputs, outputs, found)
            return dy, np.zeros_like(outputs["h_n"]), np.zeros_like(outputs["c_n"])
        given = ((inputs.dy, y), (inputs.dh_n, outputs["h_n"]), (inputs.dc_n, outputs["c_n"]))
        dy, dh_n, dc_n = (np.zeros_like(like) if end is None else end for end, like in given)
        return dy, dh_n, dc_n

    def head_back(self, weights: Weights, inputs: Inputs, outputs: Outputs, found: Outputs) -> Array:
        """dL/dy of a cross-entropy, through the dense layer. Equation (13)."""
        assert weights.W_y is not None and self.case.head is not None
        y, logits = outputs["y"], outputs["logits"]
        every_step = self.case.head.after == "every_step"
        dlogits = self.cross_entropy_back(logits, inputs).reshape(-1, logits.shape[-1])
        seen = (y if every_step else y[-1]).reshape(-1, y.shape[-1])
        found["d_W_y"] = dlogits.T @ seen
        found["d_b_y"] = total(dlogits)
        dseen = dlogits @ weights.W_y
        if every_step:
            dy: Array = dseen.reshape(y.shape)
            return dy
        return np.stack([*[np.zeros_like(dseen)] * (y.shape[0] - 1), dseen])

    def cross_entropy_back(self, logits: Array, inputs: Inputs) -> Array:
        """dL/dlogits = weight * (softmax(logits) - 1 at the target), 0 where nothing is counted. Equation (13)."""
        assert inputs.targets is not None
        counted, weight = self.targets_counted(inputs)
        at_target = (inputs.targets[..., None] == np.arange(logits.shape[-1])).astype(logits.dtype)
        dlogits: Array = (np.exp(self.log_softmax(logits)) - at_target) * weight
        return np.where(counted[..., None], dlogits, np.zeros_like(dlogits))

    # One layer.

    def layer_back(
        self, layer: int, dy: Array, dh_n: Array, dc_n: Array, starts: dict[int, State], found: Outputs
    ) -> Array:
        """dL/dx of a layer (T, B, I_l); the gradients of its states and weights are added to `starts` and `found`."""
        dxs: list[Array] = []
        for direction in range(self.case.D):
            row = layer * self.case.D + direction
            end = State(dh_n[row], dc_n[row])
            dx, starts[row], weights = self.scan_back(self.tape[row], self.dy_of(direction, dy, dxs), end)
            dxs.append(dx)
            found |= {f"d_{name}.{row}": array for name, array in weights.items()}
        return self.dx_of(dxs)

    def dy_of(self, direction: int, dy: Array, dxs: Sequence[Array]) -> Array:
        """The direction's part of dL/dy; `dxs`: the dL/dx of the directions before it."""
        P = self.case.output_size
        return dy[..., direction * P : (direction + 1) * P]

    def dx_of(self, dxs: Sequence[Array]) -> Array:
        """dL/dx of a layer: the sum over its directions, because all of them read x."""
        return dxs[0] if len(dxs) == 1 else dxs[0] + dxs[1]

    # One direction.

    def scan_back(self, taped: Taped, dy: Array, end: State) -> tuple[Array, State, Outputs]:
        """All steps of one direction: dL/dx, dL/d(state before the first step), and the gradients of the weights."""
        scan, steps = taped.scan, taped.steps
        carried = end
        parts: dict[int, Parts] = {}
        for t in reversed(steps):
            d = State(carried.h + dy[t], carried.c)
            if scan.valid is None:
                before, parts[t] = self.step_back(steps[t], d, scan.weights)
            else:  # where a row leaves the step out, its state was held, and the step has no gradient
                valid = scan.valid[t][:, None]
                before, parts[t] = self.step_back(steps[t], self.held(valid, d, zeros_like(d)), scan.weights)
                before = self.past_left_out(valid, before, carried)
            carried = self.across(t, before)
        in_time = sorted(steps)
        by_name = {name: np.stack([parts[t][name] for t in in_time]) for name in parts[0]}
        dx = self.input_back(by_name["z"], scan.weights)
        return dx, carried, self.weights_back(scan, [steps[t] for t in in_time], by_name)

    def past_left_out(self, valid: Array, before: State, carried: State) -> State:
        """The gradient passed back past a step; unchanged for a row that leaves the step out. `valid` (B, 1)."""
        return self.held(valid, before, carried)

    def across(self, t: int, before: State) -> State:
        """The gradient passed from step t to the step before it: zero across a block border of a truncated stream.

        This holds for a row that has ended, too: its state is carried over the border like any other.
        """
        border = self.case.gradients == "truncated" and t in [steps.start for steps in self.case.block_steps[1:]]
        return self.detached(before) if border else before

    def detached(self, before: State) -> State:
        """The gradient of a state that is treated as a constant: zero."""
        return zeros_like(before)

    # Weights.

    def weights_back(self, scan: Scan, steps: Sequence[Step], parts: Parts) -> Outputs:
        """The gradients of one row's weights from every step's parts (T, B, ...); `steps` are in time order."""
        weights = scan.weights
        dz = parts["z"]
        found = {"W": outer(dz, scan.x), "R": outer(dz, np.stack([self.seen_h(step) for step in steps]))}
        if weights.b_w is not None:
            found["b_w"], found["b_r"] = self.bias_back(scan, parts["bias"])
        if weights.peephole is not None:
            seen = np.stack([self.seen_c(step) for step in steps])
            found["peephole"] = total(dz[:, :, [I, F, O]] * seen)
        if weights.projection is not None:
            found["projection"] = outer(parts["projected"], np.stack([step.m for step in steps]))
        if weights.projection_bias is not None:
            found["projection_bias"] = total(parts["projected"])
        if weights.beta is not None:
            found["beta"] = total(parts["bias"])
        found |= {name: total(parts[name]) for name in ("gamma", "gamma_cell", "beta_cell") if name in parts}
        return found

    def seen_h(self, step: Step) -> Array:
        """The h used for dL/dR. Equation (18)."""
        return step.old.h

    def seen_c(self, step: Step) -> Array:
        """The c that the peepholes of i, f and o see, used for their gradients: (B, 3, H). Equation (18)."""
        return np.stack([step.old.c, step.old.c, self.seen_by_output_gate(step.old.c, step.new.c)], axis=1)

    def bias_back(self, scan: Scan, da: Array) -> tuple[Array, Array]:
        """dL/db_w and dL/db_r, which are equal. Equation (18)."""
        return total(da), total(da)


def zeros_like(state: State) -> State:
    """A zero gradient for a state."""
    return State(np.zeros_like(state.h), np.zeros_like(state.c))


def total(parts: Array) -> Array:
    """The sum over the leading axes: (T, B, ...) to (...), or (N, n) to (n)."""
    shape = parts.shape[1:] if parts.ndim == 2 else parts.shape[2:]
    flat = parts.reshape(-1, int(np.prod(shape)))
    return (np.ones((1, flat.shape[0]), parts.dtype) @ flat).reshape(shape)


def outer(d: Array, v: Array) -> Array:
    """The sum of d v^T over steps and rows: (T, B, ...) and (T, B, n) to (..., n)."""
    return (d.reshape(-1, int(np.prod(d.shape[2:]))).T @ v.reshape(-1, v.shape[-1])).reshape(*d.shape[2:], v.shape[-1])


def reference_of(case: Case) -> Reference:
    """The reference that computes every tensor of `case.outputs`."""
    return Reference(case) if case.gradients is None else Gradients(case)


def completed(
    variant: type[Computing],
    case: Case,
    arrays: Arrays,
    prepare: Callable[[Computing], object] = lambda reference: None,
) -> Outputs:
    """Every tensor of `case.outputs` from a variant that may not compute losses and gradients itself.

    The loss is computed from the variant's logits. Gradients are the correct ones unless the variant changes them.

    Args:
        prepare: called with the variant's object before that computes.
    """

    def run(case: Case) -> Outputs:
        made = variant(case)
        prepare(made)
        return made.run(arrays)

    if not case.has_loss or issubclass(variant, Gradients):
        return run(case)
    head = None if case.head is None else case.head.model_copy(update={"softmax": False, "cross_entropy": False})
    outputs = run(case.model_copy(update={"gradients": None, "head": head}))
    if head is not None:
        outputs |= variant(case).of_logits(outputs["logits"], arrays.inputs)
    return outputs if case.gradients is None else Gradients(case).run(arrays) | outputs


def has_the_right_forward_pass(variant: type[Reference]) -> bool:
    """Whether a variant replaces nothing but methods of the backward pass."""
    if variant not in _BACKWARD_ONLY:
        _BACKWARD_ONLY[variant] = issubclass(variant, Gradients) and all(
            getattr(variant, name) is getattr(Gradients, name) for name in _FORWARD
        )
    return _BACKWARD_ONLY[variant]


_BACKWARD_ONLY: dict[type[Reference], bool] = {}
_FORWARD = [
    name
    for name, value in {n: v for kind in Recorded.__mro__[:-1] for n, v in vars(kind).items()}.items()
    if callable(value)
] + ["without_padding"]
"""The methods of the forward pass."""
