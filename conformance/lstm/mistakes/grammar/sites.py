"""The first word of a sampled mistake: the operation at which it is made.

A site's axes are letters (traced.py), with L where the operation is one of a layer and D where it is one of a
direction: they decide which localities it has. Its keys give it to a case that lacks it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from conformance.case.model import Case
from conformance.case.tensor_table import Keys
from conformance.lstm.mistakes.grammar.conditions import PROPERTIES, Sizes
from conformance.lstm.mistakes.grammar.faults import OF_CLIPS, OF_FUNCTIONS, OF_MASKS, OF_TERMS

Extent = Callable[[Case], Sequence[int]]
"""The sizes that an axis has in a case; several where layers differ."""


def _cell(case: Case) -> Sequence[int]:
    return (case.H,)


def _output(case: Case) -> Sequence[int]:
    return (case.output_size,)


def _joined(case: Case) -> Sequence[int]:
    return (case.D * case.output_size,)


def _input(case: Case) -> Sequence[int]:
    return [case.input_size(layer) for layer in range(case.layers)]


@dataclass(frozen=True)
class Site:
    """One operation.

    needs: words of PROPERTIES that a case must have for it. also: what else must hold of the case. wanted: keys that
    give it to a case, besides those of `needs`. units, columns: how many its array, or its operand, has.
    """

    word: str
    phrase: str
    axes: str
    needs: tuple[str, ...] = ()
    faults: tuple[str, ...] = OF_TERMS
    also: Callable[[Case], bool] = lambda case: True
    wanted: Callable[[Sizes], Keys] = lambda n: {}
    units: Extent = _cell
    columns: Extent = _input

    def present(self, case: Case) -> bool:
        """Whether a case has the operation."""
        return all(PROPERTIES[word].holds(case) for word in self.needs) and self.also(case)

    def sizes(self, case: Case) -> dict[str, Sequence[int]]:
        """The sizes of each axis of a locality in a case; of steps and rows, those of each block and call."""
        return {
            "steps": case.blocks or (case.T,),
            "rows": case.calls or (case.B,),
            "units": self.units(case),
            "columns": self.columns(case),
            "classes": (case.head.O,) if case.head is not None else (),
        }

    def keys(self, sizes: Sizes) -> Keys:
        """What gives it to a case."""
        found: Keys = {}
        for word in self.needs:
            found = merged(found, PROPERTIES[word].keys(sizes))
        return merged(found, self.wanted(sizes))


def merged(one: Keys, other: Keys) -> Keys:
    """The keys of both; a dict in both has the entries of both."""
    both = {
        key: one[key] | value
        for key, value in other.items()
        if isinstance(value, dict) and isinstance(one.get(key), dict)
    }
    return one | other | both


_SCAN = "TBHLD"
_GATES = "TBKHLD"
_TRAIN = ("gradients",)


def _has_both_biases(case: Case) -> bool:
    return case.bias and case.layer_norm is None


def _normed(n: Sizes) -> Keys:
    return {"layer_norm": "basic-lstm-cell", "bias": False}


def _steps(least: int) -> Callable[[Case], bool]:
    return lambda case: least <= case.T


def _masked(case: Case) -> bool:
    return case.masked


def _clipped(case: Case) -> bool:
    return bool(case.gate_clip or case.cell_clip or case.projection_clip)


SITES: dict[str, Site] = {
    site.word: site
    for site in (
        Site("input-product", "the product of W and x", _GATES + "I"),
        Site("recurrent-product", "the product of R and h", _GATES + "I", columns=_output),
        Site("input-bias", "the input bias", _GATES, also=_has_both_biases),
        Site("recurrent-bias", "the recurrent bias", _GATES, also=_has_both_biases),
        Site("peephole", "the peephole", _GATES, ("peephole",)),
        Site("forget-bias", "the forget bias", _SCAN, ("forget-bias",), also=lambda c: c.coupling != "forget=1-input"),
        Site("gate-norm", "the layer norm of the gates", _GATES, ("layer-norm",), OF_FUNCTIONS),
        Site("norm-bias", "the bias of the layer norm", _GATES, ("layer-norm",)),
        Site("gate-clip", "the gate clip", _GATES, ("gate-clip",), OF_CLIPS),
        Site("gate-activation", "the activation of a gate", _GATES, faults=OF_FUNCTIONS),
        Site("coupling", "the coupled gate", _SCAN, ("coupling",), OF_CLIPS),
        Site("forget-term", "f c", _SCAN),
        Site("input-term", "i g", _SCAN),
        Site(
            *("cell-norm", "the layer norm of the cell state", _SCAN, (), OF_FUNCTIONS),
            also=lambda case: case.layer_norm == "basic-lstm-cell",
            wanted=_normed,
        ),
        Site("cell-clip", "the cell clip", _SCAN, ("cell-clip",), OF_CLIPS),
        Site("hidden-activation", "the activation of the cell state", _SCAN, faults=OF_FUNCTIONS),
        Site("output-gate", "the output gate's factor", _SCAN, faults=OF_FUNCTIONS),
        Site("projection-product", "the projection", _SCAN + "I", ("projection",), units=_output, columns=_cell),
        Site("projection-bias", "the projection's bias", _SCAN, ("projection-bias",), units=_output),
        Site("projection-clip", "the projection's clip", _SCAN, ("projection-clip",), OF_CLIPS, units=_output),
        Site("initial-h", "the initial h", "BHLD", also=lambda case: case.h0 is not None, units=_output),
        Site("initial-c", "the initial c", "BHLD", also=lambda case: case.c0 is not None),
        Site("h-between-steps", "h from step to step", _SCAN, also=_steps(2), units=_output),
        Site("c-between-steps", "c from step to step", _SCAN, also=_steps(2)),
        Site("h-between-blocks", "h from block to block", _SCAN, ("blocks",), units=_output),
        Site("c-between-blocks", "c from block to block", _SCAN, ("blocks",)),
        Site("lengths", "the lengths", "TBLD", (), OF_MASKS, _masked, PROPERTIES["lengths"].keys),
        Site("held-h", "the h that is held", _SCAN, (), OF_TERMS, _masked, PROPERTIES["lengths"].keys, units=_output),
        Site("held-c", "the c that is held", _SCAN, (), OF_TERMS, _masked, PROPERTIES["lengths"].keys),
        Site("between-layers", "what a layer hands to the next", "TBIL", ("stack",), columns=_joined),
        Site("joined-directions", "the joined directions", "TBHL", ("bidirectional",), units=_joined),
        Site("final-h", "the final h", "BHLD", units=_output),
        Site("final-c", "the final c", "BHLD"),
        Site("head-product", "the head's product", "TBOI", ("head",), columns=_joined),
        Site("head-bias", "the head's bias", "TBO", ("head",)),
        Site("softmax", "the softmax", "TBO", ("softmax",), OF_CLIPS),
        Site("loss", "the loss", "", ("cross-entropy",)),
        Site("back-projection", "the gradient through the projection", _SCAN, (*_TRAIN, "projection")),
        Site("back-output-gate", "the gradient of the output gate", _SCAN, _TRAIN),
        Site("back-cell", "the gradient of c from the output", _SCAN, _TRAIN),
        Site("back-input-gate", "the gradient of the input gate", _SCAN, _TRAIN),
        Site("back-forget-gate", "the gradient of the forget gate", _SCAN, _TRAIN),
        Site("back-candidate", "the gradient of the cell candidate", _SCAN, _TRAIN),
        Site("back-coupling", "the gradient through the coupling", _SCAN, (*_TRAIN, "coupling"), OF_CLIPS),
        Site("back-activation", "the slope of an activation", _SCAN, _TRAIN),
        Site(
            *("back-clip", "the gradient through a clip", _SCAN, _TRAIN, OF_CLIPS, _clipped),
            PROPERTIES["cell-clip"].keys,
        ),
        Site("back-norm", "the gradient through the layer norm", _SCAN, (*_TRAIN, "layer-norm"), OF_CLIPS),
        Site("back-peephole", "the gradient of c through a peephole", _GATES, (*_TRAIN, "peephole")),
        Site("back-recurrent", "the gradient of h through R", _SCAN, _TRAIN, units=_output),
        Site("back-input", "the gradient of x", "TBILD", _TRAIN),
        Site(
            "back-h-between-steps", "the gradient of h from step to step", _SCAN, _TRAIN, also=_steps(2), units=_output
        ),
        Site("back-c-between-steps", "the gradient of c from step to step", _SCAN, _TRAIN, also=_steps(2)),
        Site(
            "back-h-between-blocks", "the gradient of h from block to block", _SCAN, (*_TRAIN, "blocks"), units=_output
        ),
        Site("back-c-between-blocks", "the gradient of c from block to block", _SCAN, (*_TRAIN, "blocks")),
        Site("back-h-initial", "the gradient of the initial h", "BHLD", _TRAIN, units=_output),
        Site("back-c-initial", "the gradient of the initial c", "BHLD", _TRAIN),
        Site(
            *("back-held", "the gradient past a row's end", _SCAN, _TRAIN, OF_CLIPS, _masked),
            PROPERTIES["lengths"].keys,
            lambda case: (case.H, case.output_size),
        ),
        Site("back-between-layers", "the gradient from layer to layer", "TBHL", (*_TRAIN, "stack"), units=_joined),
        Site("back-directions", "the sum of the directions' gradients", "TBIL", (*_TRAIN, "bidirectional")),
        Site("back-loss", "the gradient of the logits", "TBO", (*_TRAIN, "cross-entropy")),
        Site("back-head", "the gradient of y through the head", "TBH", (*_TRAIN, "cross-entropy"), units=_joined),
        Site("grad-head", "the gradient of the head's weight", "OI", (*_TRAIN, "cross-entropy"), columns=_joined),
        Site("grad-head-bias", "the gradient of the head's bias", "O", (*_TRAIN, "cross-entropy")),
        Site("grad-W", "the gradient of W", _GATES + "I", _TRAIN),
        Site("grad-R", "the gradient of R", _GATES + "I", _TRAIN, columns=_output),
        Site("grad-input-bias", "the gradient of the input bias", _GATES, _TRAIN, also=_has_both_biases),
        Site("grad-recurrent-bias", "the gradient of the recurrent bias", _GATES, _TRAIN, also=_has_both_biases),
        Site("grad-peephole", "the gradient of the peepholes", _GATES, (*_TRAIN, "peephole")),
        Site(
            "grad-projection",
            "the gradient of the projection",
            _SCAN + "I",
            (*_TRAIN, "projection"),
            units=_output,
            columns=_cell,
        ),
        Site(
            "grad-projection-bias",
            "the gradient of the projection's bias",
            _SCAN,
            (*_TRAIN, "projection-bias"),
            units=_output,
        ),
        Site("grad-norm-gain", "the gradient of the norm's gain", _GATES, (*_TRAIN, "layer-norm")),
        Site(
            *("grad-norm-bias", "the gradient of the norm's bias", _GATES, _TRAIN, OF_TERMS),
            also=lambda case: case.layer_norm == "basic-lstm-cell",
            wanted=_normed,
        ),
    )
}
"""Every site, by its word."""
