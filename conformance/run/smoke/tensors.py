"""The checks of tensors: every input tensor, and every gate of it, must affect the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.adapters.capabilities import Capabilities
from conformance.case.model import Case
from conformance.case.tensor_table import COTANGENTS, HEAD_WEIGHTS, INPUTS, LAYER_WEIGHTS, Tensor
from conformance.case.tensors import Array
from conformance.run.smoke.questions import BIDIRECTIONAL, Check, Edit, Question, added, of_rows, plain

_BIASES = "there are two biases, b_w and b_r; a framework with one needs their sum, LayerWeights.bias"
_TABLE = LAYER_WEIGHTS | HEAD_WEIGHTS


def checks(capabilities: Capabilities) -> Iterator[Check]:
    """Every check of a tensor; the caller leaves out those that the interface does not accept."""
    base = plain(capabilities)
    yield from _inputs(base)
    for name, tensor in _TABLE.items():
        questions = (Question(base | keys) for keys in tensor.tried_with)
        question = next((q for q in questions if capabilities.refusal(q.case) is None), None)
        if question is not None:
            yield from _parts(name, tensor, question)
    # Few steps, because the effect of a state fades.
    short = base | {"T": min(base["T"], 2)}
    several = ({"layers": 2} | BIDIRECTIONAL, {"layers": 2}, BIDIRECTIONAL)
    rows = (short | more for more in several if capabilities.refusal(Case.model_validate(short | more)) is None)
    yield from _rows(next(rows, {}))
    if "whole" in capabilities.gradients:
        yield from _gradients(base | {"gradients": "whole"}, cross_entropy=capabilities.cross_entropy)
    yield from _losses(base)


def _inputs(base: dict[str, Any]) -> Iterator[Check]:
    for name, tensor in INPUTS.items():
        if not tensor.cotangent:
            remedy = f"inputs.{name} is {tensor}"
            yield _counts(f"inputs/{name}", name, Question(base), added(f"inputs.{name}"), remedy, tensor.ignored)
    # Only the first row of the input changes, so the other rows of the answer must not.
    first, rest = slice(0, 1), slice(1, None)
    one = Question(base, added("inputs.x", (slice(None), first)), of_rows(rest))
    yield Check("inputs/rows-apart", "another row of the batch", "same", one, Question(base, view=of_rows(rest)),
                "check the axes: inputs.x is (T, B, I), y is (T, B, D*P), states are (L*D, B, ...)")  # fmt: skip


def _parts(name: str, tensor: Tensor, question: Question) -> Iterator[Check]:
    """A tensor gate by gate, or as a whole."""
    in_row = name in LAYER_WEIGHTS
    flat, remedy = (f"{name}.0", f"weights.rows[row].{name}") if in_row else (name, f"weights.{name}")
    remedy = _BIASES if name in ("b_w", "b_r") else f"{remedy} is {tensor}"
    for index, gate in enumerate(tensor.gates):
        edit = added(f"weights.{flat}", index)
        yield _counts(f"weights/{name}-{gate}", f"{name} of gate {gate}", question, edit, remedy, tensor.ignored)
    if not tensor.gates:
        yield _counts(f"weights/{name}", name, question, added(f"weights.{flat}"), remedy, tensor.ignored)


def _rows(fields: dict[str, Any]) -> Iterator[Check]:
    """Weights and states of every layer and direction, if there are several."""
    if not fields:
        return
    case = Case.model_validate(fields)
    for tensor in case.weight_shapes:
        kind, row = tensor.split(".")
        remedy = "weights.rows[layer * D + direction]"
        yield _counts(
            f"weights/{kind}.{row}", f"{kind} of row {row}", Question(fields), added(f"weights.{tensor}"), remedy
        )
    for name in ("h0", "c0"):
        for number in range(case.layers * case.D):
            edit, remedy = added(f"inputs.{name}", number), f"inputs.{name}[layer * D + direction]"
            about = f"{name} of row {number}"
            yield _counts(f"inputs/{name}.{number}", about, Question(fields), edit, remedy, INPUTS[name].ignored)


def _gradients(fields: dict[str, Any], *, cross_entropy: bool) -> Iterator[Check]:
    """Each cotangent must affect the gradients, and each gradient must depend on one."""
    for name in COTANGENTS:
        remedy = f"inputs.{name} is dL/d{name[1:]}"
        ignored = INPUTS[name].ignored
        yield _counts(f"gradients/{name}", name, Question(fields), added(f"inputs.{name}"), remedy, ignored)
    for name in Case.model_validate(fields).outputs:
        if name.startswith("d_"):
            edit = added("inputs.dy")
            yield _counts(f"gradients/{name}", "dy", Question(fields), edit, f"give back {name}", names=(name,))
    if cross_entropy:
        loss = Question(fields | {"head": {"O": 3, "cross_entropy": True}})
        for name in ("d_x", "d_W_y", "d_b_y"):
            yield _counts(f"gradients/loss-{name}", "inputs.targets", loss, _others, f"give back {name}", names=(name,))


def _losses(base: dict[str, Any]) -> Iterator[Check]:
    """The outputs after the head."""
    softmax = Question(base | {"head": {"O": 3, "softmax": True}})
    yield _counts("softmax/probabilities", "W_y", softmax, added("weights.W_y", 0), "give back probabilities",
                  names=("probabilities",))  # fmt: skip
    loss = Question(base | {"head": {"O": 3, "cross_entropy": True}})
    yield _counts("cross_entropy/targets", "inputs.targets", loss, _others, "give back loss", names=("loss",))
    last = {"direction": "forward", "head": {"O": 2, "after": "last_step"}}
    yield _counts("head/last-step", "W_y", Question(base | last), added("weights.W_y"),
                  "logits are (B, O) where case.head.after is last_step", names=("logits",))  # fmt: skip


def _others(tensors: dict[str, Array]) -> None:
    """Replaces each of three classes by the next, the last by the first; every row and step is valid."""
    tensors["inputs.targets"][...] = (tensors["inputs.targets"] + 1) % 3


def _counts(
    id_: str,
    about: str,
    question: Question,
    edit: Edit,
    remedy: str,
    ignored: str | None = None,
    names: tuple[str, ...] = (),
) -> Check:
    """Another tensor must give another answer."""
    mistakes = () if ignored is None else (ignored,)
    changed = Question(question.fields, edit)
    return Check(id_, about, "differ", changed, question, f"hand it over: {remedy}", mistakes, names)
