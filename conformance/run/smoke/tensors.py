"""The checks of tensors: each that is handed over, and each gate of it, has to count; each of the answer, to live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.adapters.capabilities import Capabilities
from conformance.case.model import COTANGENTS, Case
from conformance.case.tensors import Array
from conformance.run.smoke.questions import BIDIRECTIONAL, WIDE, Check, Edit, Fields, Question, added, plain

GATES: dict[str, str] = dict.fromkeys(("W", "R", "b_w", "b_r", "gamma", "beta"), "ifgo") | {"peephole": "ifo"}
"""The tensors of which each gate is tried by itself, with their gates."""

WITH: list[Fields] = [
    {},
    WIDE | {"peephole": True},
    {"P": 2, "projection_bias": True},
    {"P": 2},
    {"bias": False, "layer_norm": "basic-lstm-cell"},
    {"bias": False, "layer_norm": "nnapi"},
    {"head": {"O": 2}},
]
"""The cases that have a tensor each that the ones before have not."""

_REMEDY = {
    "b_w": "there are two biases, b_w and b_r; a framework with one wants their sum, LayerWeights.bias",
    "b_r": "there are two biases, b_w and b_r; a framework with one wants their sum, LayerWeights.bias",
    "peephole": "weights.rows[row].peephole is (3, H), gates i, f, o",
}
_IGNORED = {
    **{("peephole", gate): "peephole-ignored" for gate in "ifo"},
    ("b_w", ""): "input-bias-ignored",
    ("b_r", ""): "recurrent-bias-ignored",
    ("h0", ""): "initial-h-ignored",
    ("c0", ""): "initial-c-ignored",
    ("projection_bias", ""): "projection-bias-ignored",
    ("b_y", ""): "head-bias-ignored",
    ("projection", ""): "projection-ignored",
    ("dh_n", ""): "gradient-of-final-state-ignored",
    ("dc_n", ""): "gradient-of-final-cell-ignored",
}


def checks(capabilities: Capabilities) -> Iterator[Check]:
    """Every check of a tensor; those the interface does not accept are the caller's to leave out."""
    base = plain(capabilities)
    yield from _inputs(base)
    tried: set[str] = set()
    for fields in WITH:
        case = base | fields
        for tensor in Case.model_validate(case).weight_shapes:
            kind = tensor.removesuffix(".0")
            if kind in tried or "." in kind:  # another row: below
                continue
            question = Question(case)
            if capabilities.refusal(question.case) is None:
                tried.add(kind)
                yield from _parts(kind, tensor, question)
    # Few steps: what a state is made of fades.
    short = base | {"T": min(base["T"], 2)}
    several = ({"layers": 2} | BIDIRECTIONAL, {"layers": 2}, BIDIRECTIONAL)
    rows = (short | more for more in several if capabilities.refusal(Case.model_validate(short | more)) is None)
    yield from _rows(next(rows, {}))
    if "whole" in capabilities.gradients:
        yield from _gradients(base | {"gradients": "whole"}, cross_entropy=capabilities.cross_entropy)
    yield from _losses(base)


def _inputs(base: dict[str, Any]) -> Iterator[Check]:
    for name, remedy in (
        ("x", "inputs.x is (T, B, I)"),
        ("h0", "inputs.h0 is (L*D, B, P)"),
        ("c0", "inputs.c0 is (L*D, B, H)"),
    ):
        yield _counts(f"inputs/{name}", name, Question(base), added(f"inputs.{name}"), remedy)
    # Only the first row is changed, so the others must not be.
    first, rest = slice(0, 1), slice(1, None)
    one = Question(base, added("inputs.x", (slice(None), first)), rows=rest)
    yield Check("inputs/rows-apart", "another row of the batch", "same", one, Question(base, rows=rest),
                "mind the axes: inputs.x is (T, B, I), y is (T, B, D*P), states are (L*D, B, ...)")  # fmt: skip


def _parts(kind: str, tensor: str, question: Question) -> Iterator[Check]:
    """A tensor gate by gate, or as a whole."""
    remedy = _REMEDY.get(kind, f"weights.rows[row].{kind}" if "." in tensor else f"weights.{kind}")
    for index, gate in enumerate(GATES.get(kind, "")):
        edit = added(f"weights.{tensor}", index)
        yield _counts(f"weights/{kind}-{gate}", f"{kind} of gate {gate}", question, edit, remedy, (kind, gate))
    if kind not in GATES:
        yield _counts(f"weights/{kind}", kind, question, added(f"weights.{tensor}"), remedy, (kind, ""))


def _rows(fields: dict[str, Any]) -> Iterator[Check]:
    """Weights and states of every layer and direction, where there are several."""
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
            yield _counts(f"inputs/{name}.{number}", about, Question(fields), edit, remedy, (name, ""))


def _gradients(fields: dict[str, Any], *, cross_entropy: bool) -> Iterator[Check]:
    """Each cotangent counts, and each gradient answers to one."""
    for name in COTANGENTS:
        remedy = f"inputs.{name} is dL/d{name[1:]}"
        yield _counts(f"gradients/{name}", name, Question(fields), added(f"inputs.{name}"), remedy, (name, ""))
    for name in Case.model_validate(fields).outputs:
        if name.startswith("d_"):
            edit = added("inputs.dy")
            yield _counts(f"gradients/{name}", "dy", Question(fields), edit, f"give back {name}", names=(name,))
    if cross_entropy:
        loss = Question(fields | {"head": {"O": 3, "cross_entropy": True}})
        for name in ("d_x", "d_W_y", "d_b_y"):
            yield _counts(f"gradients/loss-{name}", "inputs.targets", loss, _others, f"give back {name}", names=(name,))


def _losses(base: dict[str, Any]) -> Iterator[Check]:
    """What stands behind the head."""
    softmax = Question(base | {"head": {"O": 3, "softmax": True}})
    yield _counts("softmax/probabilities", "W_y", softmax, added("weights.W_y", 0), "give back probabilities",
                  names=("probabilities",))  # fmt: skip
    loss = Question(base | {"head": {"O": 3, "cross_entropy": True}})
    yield _counts("cross_entropy/targets", "inputs.targets", loss, _others, "give back loss", names=("loss",))
    last = {"direction": "forward", "head": {"O": 2, "after": "last_step"}}
    yield _counts("head/last-step", "W_y", Question(base | last), added("weights.W_y"),
                  "logits are (B, O) where case.head.after is last_step", names=("logits",))  # fmt: skip


def _others(tensors: dict[str, Array]) -> None:
    """The next class of three, the first for the last; every row and step is valid."""
    tensors["inputs.targets"][...] = (tensors["inputs.targets"] + 1) % 3


def _counts(
    id_: str,
    about: str,
    question: Question,
    edit: Edit,
    remedy: str,
    ignored: tuple[str, str] = ("", ""),
    names: tuple[str, ...] = (),
) -> Check:
    """Another tensor, another answer."""
    mistakes = tuple(_IGNORED[key] for key in (ignored, (ignored[0], "")) if key in _IGNORED)
    changed = Question(question.fields, edit)
    return Check(id_, about, "differ", changed, question, f"hand it over: {remedy}", mistakes, names)
