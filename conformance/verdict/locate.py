"""Where an answer is first wrong, found from its numbers alone, before any mistake is named.

The parts of the computation are looked at in the order in which an error passes through them; what comes after the
first wrong one is its consequence. Of the layers below the top one only the final states are outputs; of the top layer
each step is, and it is judged given the answer's own step before (conformance.verdict.follow).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array
from conformance.case.where import Pattern, Stage, Where
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan
from conformance.verdict.answer import Answer
from conformance.verdict.follow import follow, recoverable
from conformance.verdict.gradient_axes import in_gradients
from conformance.verdict.noise import error, times
from conformance.verdict.one_gate import in_cell, in_output, in_words
from conformance.verdict.pattern import along, axis, plainer

_CLEAR = 4.0
"""A step is clearly wrong if its error is this many times what is allowed; below that, chance says which ones are."""


def locate(answer: Answer) -> Where | None:
    """Where an answer is first wrong; None if no element is beyond what its case allows.

    Args:
        answer: with outputs of the right form.
    """
    with np.errstate(all="ignore"):
        return _Search(answer.under_contracts()).found()


class _Search:
    def __init__(self, answer: Answer) -> None:
        self.case = case = answer.case
        self.answer, self.golden = answer, answer.golden
        self.got = {name: answer.float64(name) for name in case.outputs}
        self.allowed = {name: answer.allowed(name) for name in case.outputs}
        self.wrong = {n: error(self.got[n], answer.golden[n]) > self.allowed[n] for n in self.case.outputs}
        self.reference = Reference(self.case)
        valid = self.reference.valid(answer.exact.inputs.x, answer.exact.inputs)
        self.valid = np.ones((self.case.T, self.case.B), dtype=bool) if valid is None else valid
        self.notes: dict[str, None] = {}

    def found(self) -> Where | None:
        """The first part of the computation that is wrong."""
        y = self.wrong["y"]
        if (y & self.valid[..., None]).any():
            below = self._layers()[:-1]
            return self._below(int(np.argmax(below))) if below.any() else self._top()
        if y.any():
            return self._left_out(y)
        finals = tuple(name for name in ("h_n", "c_n") if self.wrong[name].any())
        if finals:
            return self._final_states(finals)
        if head := tuple(n for n in ("logits", "probabilities", "loss") if n in self.wrong and self.wrong[n].any()):
            return self._head(head)
        return in_gradients(self.case, {n: w for n, w in self.wrong.items() if n.startswith("d_")})

    def _layers(self) -> Array:
        """(L,), the layers with a wrong final state."""
        rows = along(self.wrong["h_n"], 0) | along(self.wrong["c_n"], 0)
        return along(rows.reshape(self.case.layers, self.case.D), 0)

    # The parts.

    def _below(self, layer: int) -> Where:
        """A layer of which only the final states are outputs."""
        rows = slice(layer * self.case.D, (layer + 1) * self.case.D)
        h, c = self.wrong["h_n"][rows], self.wrong["c_n"][rows]
        units = along(c | h if self.case.P is None else c, 2)
        axes = self._layer_axes(layer, along(h, 0) | along(c, 0))
        if self.case.T == 1:  # otherwise an error has spread from where it began
            axes |= axis("unit", units)
        axes |= self._batch(along(h, 1) | along(c, 1))
        if self.case.D == 1:  # otherwise the other direction brings the error to earlier steps
            axes |= self._steps(_first_of_rows(self.case, along(self.wrong["y"], 0, 1)[None] & self.valid))
        self.notes[f"of layer {layer} only the final states are outputs"] = None
        return self._where("step", ("h_n", "c_n"), axes, later=self.case.T == 1)

    def _top(self) -> Where:
        """The top layer, step by step."""
        case, layer = self.case, self.case.layers - 1
        of_y = (self.got["y"], self.golden["y"], self.allowed["y"])
        halves = zip(*(np.split(each, case.D, axis=-1) for each in of_y), strict=True)
        seen = [self._seen(scan, *half) for scan, half in zip(self.answer.top_scans, halves, strict=True)]
        wrong, of_c = np.stack([each.wrong for each in seen]), np.stack([each.of_c for each in seen])
        worst = max(each.worst for each in seen)
        if worst < _CLEAR:
            return self._unclear(layer, worst)
        axes = self._layer_axes(layer, along(wrong, 0))
        if case.P is None:
            axes |= axis("unit", along(wrong, 3) | along(of_c, 2))
        elif of_c.any():
            axes |= axis("unit", along(of_c, 2))
        else:
            axes |= axis("column of h", along(wrong, 3))
        axes |= self._batch(along(wrong, 2))
        later = all(each.later for each in seen)
        steps = along(wrong, 0, 1, 2)
        if later:
            # If h and c are wrong at a step, the c recovered from h is another, and the next step is wrong too.
            judged = along(np.stack([each.judged for each in seen]), 0, 1, 2)
            fewest = _without_second_of_two(case, steps)
            starts = {block.start for block in case.block_steps[1:]}
            if starts.issuperset(np.flatnonzero(along(fewest, 1)).tolist()):
                steps = fewest
            axes |= plainer(self._steps(steps, judged), self._steps(fewest, judged))
        else:
            axes |= self._steps(_first_of_rows(case, steps))
        if all(each.returned for each in seen if each.wrong.any()):
            self.notes["the state is right: it is y as it is returned"] = None
        elif later and not of_c.any():
            self.notes["c is right: it is the output gate or what follows it"] = None
        parts = {each.parts for each in seen if each.wrong.any()}
        if len(parts) == 1 and (which := parts.pop()):
            self.notes[in_words(which)] = None
        return self._where("step", ("y",), axes, later)

    def _unclear(self, layer: int, worst: float) -> Where:
        """The top layer, where each step is near to what follows from the step before: which are wrong means little."""
        halves = np.stack(np.split(self.wrong["y"], self.case.D, axis=-1))
        axes = self._layer_axes(layer, along(halves, 0)) | self._batch(along(halves, 2))
        start = f"given the step before it, no step is off by more than {worst:.2g} times what is allowed"
        self.notes[f"{start}: the error builds up, or is a matter of precision"] = None
        return self._where("step", ("y",), axes)

    def _left_out(self, y: Array) -> Where:
        halves = np.stack(np.split(y, self.case.D, axis=-1))
        axes = self._layer_axes(self.case.layers - 1, along(halves, 0))
        axes |= axis("column of h", along(halves, 3))
        axes |= self._batch(along(halves, 2), along(~self.valid, 1))
        axes |= axis("step", along(halves, 1), along(~self.valid, 0))
        return self._where("left out", ("y",), axes)

    def _final_states(self, names: tuple[str, ...]) -> Where:
        case = self.case
        wrong = {name: self.wrong[name].reshape(case.layers, case.D, case.B, -1) for name in names}
        axes = axis("layer", _any(wrong, 0)) | axis("direction", _any(wrong, 1))
        if case.P is None or names == ("c_n",):
            axes |= axis("unit", _any(wrong, 3))
        axes |= self._batch(_any(wrong, 2), np.ones(case.B, dtype=bool))
        return self._where("final states", names, axes)

    def _head(self, names: tuple[str, ...]) -> Where:
        first = self.wrong[names[0]]
        if first.ndim == 0:
            return Where("head", names)
        classes = axis("class", along(first, first.ndim - 1))
        rows = self._batch(along(first, first.ndim - 2))
        steps = axis("step", along(first, 0), along(self.valid, 0)) if first.ndim == 3 else {}
        return self._where("head", names, classes | rows | steps)

    # The top layer.

    def _seen(self, scan: Scan, y: Array, golden: Array, allowed: Array) -> _Seen:
        """The wrong steps of a scan, by the explanation that needs the fewest."""
        taken = np.broadcast_to(self.valid[..., None], y.shape)
        off = np.where(taken, error(y, golden), 0.0)
        carried = self.answer.carried[scan.direction]
        of_c = self._final_is_wrong("c_n", scan.row, carried.c)
        apart = _Seen(off > allowed, taken, _most(off, allowed), np.zeros_like(of_c), later=True, returned=True)
        if not self.wrong["h_n"][scan.row].any() and not self.wrong["c_n"][scan.row].any():
            # The state went on from right values; what is left to explain is y.
            last = (range(self.case.T)[:: -1 if self.case.reverse(scan.direction) else 1])[-1]
            if _count(apart.wrong) < _count(carried.wrong) or apart.wrong[last].any():
                return apart
        if recoverable(self.reference, scan.direction) and carried.wrong.any():
            recovered = follow(self.reference, scan, y, allowed, recovering=carried)
            c_n = (self.got["c_n"][scan.row], self.allowed["c_n"][scan.row])
            steps = list(recovered.before)
            if of_c.any() or _count(recovered.wrong) < _count(carried.wrong[steps]):
                # c is wrong somewhere even if its error has died away by the last step.
                of_c = of_c | along(recovered.wrong, 1, 2)
                most = _count(recovered.judged) * 2 > _count(taken[steps])
                worst = _most(recovered.apart, allowed)
                parts = in_cell(self.reference, scan, allowed, recovered, c_n) if recovered.wrong.any() else ()
                return _Seen(recovered.wrong, recovered.judged, worst, of_c, later=most, parts=parts)
        later, parts = not of_c.any() or not carried.wrong.any(), ()
        if self.case.P is None and carried.wrong.any() and not of_c.any():
            parts = in_output(self.reference, scan, y, allowed, carried)
        return _Seen(carried.wrong, carried.judged, _most(carried.apart, allowed), of_c, later, parts=parts)

    def _final_is_wrong(self, name: str, row: int, followed: Array) -> Array:
        found: Array = error(followed, self.got[name][row]) > self.allowed[name][row]
        return found

    # The axes.

    def _layer_axes(self, layer: int, directions: Array) -> dict[str, Pattern]:
        layers = np.arange(self.case.layers) == layer
        return axis("layer", layers) | axis("direction", directions)

    def _batch(self, rows: Array, judged: Array | None = None) -> dict[str, Pattern]:
        """The axis of batch rows; notes what else the wrong rows have in common."""
        judged = along(self.valid, 1) if judged is None else judged
        if not rows[judged].all():
            short = along(~self.valid, 1)
            if np.array_equal(rows, short & judged):
                self.notes["these are the rows that leave steps out"] = None
            if self.case.calls is not None and np.array_equal(rows, np.arange(self.case.B) >= self.case.calls[0]):
                self.notes["these are the rows of every call but the first"] = None
        return axis("row", rows, judged)

    def _steps(self, wrong: Array, judged: Array | None = None) -> dict[str, Pattern]:
        """The steps (D, T, B) that are wrong, in time order or in the order of the scans, whichever is plainer."""
        judged = np.broadcast_to(self.valid, wrong.shape) if judged is None else judged
        steps = along(wrong, 1)
        starts = [block.start for block in self.case.block_steps[1:]]
        if starts and set(starts).issuperset(np.flatnonzero(steps).tolist()):
            self.notes["each step is the first one of a later block"] = None
        elif starts and np.argmax(steps) == starts[0]:
            self.notes["it begins with the second block"] = None
        in_time = axis("step", steps, along(judged, 1))
        return plainer(in_time, axis("scan step", *_as_taken(self.case, wrong, judged, self.valid)))

    def _where(self, stage: Stage, tensors: tuple[str, ...], axes: Mapping[str, Pattern], later: bool = True) -> Where:
        return Where(stage, tensors, axes, later, tuple(self.notes))


@dataclass(frozen=True, eq=False)
class _Seen:
    """A scan.

    wrong, judged (T, B, P): its steps. worst: the largest error of a step, in multiples of what is allowed.
    of_c (B, H): where c is wrong. later: as in `Where`. returned: whether it is y alone, and not the state. parts: the
    parts of the step any one of which may alone be wrong (conformance.verdict.one_gate).
    """

    wrong: Array
    judged: Array
    worst: float
    of_c: Array
    later: bool
    returned: bool = False
    parts: tuple[str, ...] = ()


def _count(wrong: Array) -> int:
    return int(np.count_nonzero(wrong))


def _most(errors: Array, allowed: Array) -> float:
    return float(np.max(times(errors, allowed), initial=0.0))


def _any(wrong: Mapping[str, Array], axis: int) -> Array:
    """Whether any of the tensors is wrong at each index of an axis."""
    found: Array = np.any([along(each, axis) for each in wrong.values()], axis=0)
    return found


def _without_second_of_two(case: Case, wrong: Array) -> Array:
    """The wrong steps (D, T, B), without the second of exactly two consecutive ones, in the order of the scans."""
    found = np.zeros_like(wrong)
    for direction, each in enumerate(wrong):
        back = case.reverse(direction)
        steps = each[::-1] if back else each
        none = np.zeros_like(steps[:1])
        before = np.concatenate([none, steps[:-1]])
        before_that = np.concatenate([none, before[:-1]])
        after = np.concatenate([steps[1:], none])
        kept = steps & ~(before & ~before_that & ~after)
        found[direction] = kept[::-1] if back else kept
    return found


def _first_of_rows(case: Case, wrong: Array) -> Array:
    """The wrong steps (D, T, B), with only the first one that each scan takes in each row."""
    found = np.zeros_like(wrong)
    for direction, each in enumerate(wrong):
        in_order = each[::-1] if case.reverse(direction) else each
        first = in_order & (np.cumsum(in_order, axis=0) == 1)
        found[direction] = first[::-1] if case.reverse(direction) else first
    return found


def _as_taken(case: Case, wrong: Array, judged: Array, valid: Array) -> tuple[Array, Array]:
    """The wrong steps (D, T, B) and the judged ones, counted in each row as the scan takes them: (T,) each."""
    found, seen = np.zeros(case.T, dtype=bool), np.zeros(case.T, dtype=bool)
    for direction, (steps, judgeable) in enumerate(zip(wrong, judged, strict=True)):
        order = slice(None, None, -1) if case.reverse(direction) else slice(None)
        place = np.cumsum(valid[order], axis=0) - 1
        found[place[(steps & valid)[order]]] = True
        seen[place[(judgeable & valid)[order]]] = True
    return found, seen
