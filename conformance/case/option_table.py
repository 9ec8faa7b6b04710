"""The options of an LSTM that not every interface has, in one table: the fields of `Supported`.

Each field says how a case uses the option, why an interface without it refuses the case, what `conformance list`
shows, and which pairs of cases `conformance smoke` tries it with. Capabilities, refusals, summaries, the reference's
own capabilities and the checks are derived from the table, so a new option is one key of the case and one field here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_type_hints

from conformance.case.options import ClipReading, Coupling, GradientKind, LayerNorm, LengthsVia, PeepholeReading
from conformance.case.tensor_table import PEEPHOLE, WIDE
from conformance.case.trials import ENDING, FIRST_LONGEST, NO_STATES, PADDED, STREAM, Trial, clip, norm, numbers


@dataclass(frozen=True)
class Option:
    """One row of the table.

    used: how a case uses the option: one of `words`, or True; None or False where it does not. refusal: why an
    interface without it refuses the case, with `{}` for the word. label: its text in a summary, with `{}` for the
    word; "" for none. words: its kinds; () if it is either present or absent. ignored: the mistake of ignoring it.
    calling: whether it only says how a framework is called, and changes no number.
    """

    used: Callable[[Any], str | bool | None]
    refusal: str
    label: str | Callable[[Any], str]
    words: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = ()
    ignored: str | None = None
    calling: bool = False


def _given(name: str) -> Callable[[Any], bool]:
    return lambda case: getattr(case, name) not in (None, False)


def _word(name: str) -> Callable[[Any], str | None]:
    return lambda case: getattr(case, name)


_FORGET_BIAS = Option(
    lambda case: case.forget_bias != 0.0,
    "has no forget bias at run time",
    lambda case: f"forget_bias={case.forget_bias:g}",
    trials=numbers("forget_bias", 0.75, 1.5, {}),
    ignored="forget-bias-ignored",
)
_PEEPHOLE = Option(
    lambda case: case.peephole and case.output_peephole,
    "has no peepholes ({})",
    lambda case: "peephole" if case.output_peephole == "new-cell" else f"peephole ({case.output_peephole})",
    get_args(PeepholeReading),
    trials=(
        *(
            Trial(reading, keys, WIDE, f"peepholes ({reading})", remedy="weights.rows[row].peephole")
            for reading, keys in PEEPHOLE.items()
        ),
        Trial(
            *("reading", PEEPHOLE["previous-cell"], PEEPHOLE["new-cell"], "the cell that the output peephole sees"),
            remedy="case.output_peephole",
            mistakes=("peephole-output-uses-previous-cell", "peephole-output-uses-new-cell"),
        ),
    ),
    ignored="peephole-ignored",
)
_PROJECTION = Option(_given("P"), "has no projection", "")  # a summary shows its size with the other sizes
_PROJECTION_BIAS = Option(_given("projection_bias"), "has no projection bias", "projection_bias")
_GATE_CLIP = Option(
    lambda case: case.gate_clip and case.gate_clip.reading,
    "has no gate_clip {}",
    lambda case: f"gate_clip={case.gate_clip.bound:g} ({case.gate_clip.reading})",
    get_args(ClipReading),
    trials=(
        *(
            trial
            for reading in get_args(ClipReading)
            for one, other in [(clip(0.5, reading), clip(1.0, reading))]
            for trial in (
                Trial(reading, one, WIDE, f"gate_clip ({reading})", remedy="case.gate_clip.bound"),
                Trial(f"{reading}-value", one, other, "the value of gate_clip", remedy="case.gate_clip.bound"),
            )
        ),
        Trial(
            *("reading", clip(0.5, "gates"), clip(0.5, "all"), "the reading of gate_clip"),
            remedy="case.gate_clip.reading",
        ),
    ),
    ignored="clip-ignored",
)
_CELL_CLIP = Option(
    _given("cell_clip"),
    "has no clip of the cell state",
    lambda case: f"cell_clip={case.cell_clip:g}",
    trials=numbers("cell_clip", 0.75, 1.5, WIDE),
    ignored="cell-clip-ignored",
)
_PROJECTION_CLIP = Option(
    _given("projection_clip"),
    "has no clip of the projection",
    lambda case: f"projection_clip={case.projection_clip:g}",
    trials=numbers("projection_clip", 0.125, 0.0625, {"P": 2}),
    ignored="projection-clip-ignored",
)
_COUPLING = Option(
    _word("coupling"),
    "has no coupling {}",
    "{}",
    get_args(Coupling),
    trials=(
        *(Trial(kind, {"coupling": kind}, {}, f"coupling {kind}") for kind in get_args(Coupling)),
        Trial("kind", {"coupling": "forget=1-input"}, {"coupling": "input=1-forget"}, "the kind of coupling"),
    ),
    ignored="input-forget-ignored",
)
_LAYER_NORM = Option(
    _word("layer_norm"),
    "has no layer_norm {}",
    "layer_norm={}",
    get_args(LayerNorm),
    trials=(
        *(Trial(kind, norm(kind), {"bias": False}, f"layer_norm {kind}") for kind in get_args(LayerNorm)),
        Trial("kind", norm("nnapi"), norm("basic-lstm-cell"), "the kind of layer_norm"),
    ),
    ignored="layer-norm-ignored",
)
_BATCH_MAJOR = Option(
    lambda case: case.layout == "batch_major",
    "has no batch-major layout",
    "batch_major",
    trials=(
        Trial(
            *("layout", {"layout": "batch_major"}, {}, "the batch-major layout", "same"),
            "it only says how the framework is called: x and y are still (T, B, ...) here",
            ("layout-ignored",),
        ),
    ),
    calling=True,
)
_HOLES = Option(
    _given("skip"),
    "takes no mask with holes",
    "holes",
    trials=(
        Trial(
            *("mask", PADDED | NO_STATES | {"skip": ((1, 2), (0, 4), (1,))}, {"T": 5} | NO_STATES, "holes in the mask"),
            remedy="inputs.mask",
        ),
    ),
    ignored="holes-ignored",
)
_LENGTHS_VIA = Option(
    _word("lengths_via"),
    "does not take lengths by way of {}",
    "lengths via {}",
    get_args(LengthsVia),
    trials=tuple(
        trial
        for way in get_args(LengthsVia)
        for asked in [FIRST_LONGEST | {"lengths_via": way}]
        for trial in (
            Trial(way, asked, {"T": 5} | NO_STATES, f"lengths by way of {way}", "differ", "inputs.lengths"),
            Trial(f"{way}-same", asked, FIRST_LONGEST, f"handing lengths over by way of {way}", "same"),
        )
    ),
    ignored="lengths-ignored",
    calling=True,
)
_BLOCKS = Option(
    _given("blocks"),
    "cannot carry a state from call to call",
    lambda case: f"{len(case.blocks)} blocks",
    trials=(
        Trial(
            *("stream", STREAM | {"blocks": (2, 3)}, STREAM, "cutting the sequence into blocks", "same"),
            "use the h0 and c0 of each call, and return its h_n and c_n",
            ("stream-c-not-carried", "stream-h-not-carried", "steps-baked-in"),
        ),
        Trial(
            *("lengths", STREAM | ENDING | {"blocks": (2, 3)}, STREAM | ENDING),
            *("lengths of a sequence cut into blocks", "same", "inputs.lengths of each call count its own steps only"),
            ("stream-lengths-restart",),
        ),
    ),
)
_HEAD = Option(_given("head"), "has no dense layer", lambda case: f"head O={case.head.O} {case.head.after}")
_SOFTMAX = Option(lambda case: case.head and case.head.softmax, "has no softmax", "softmax")
_CROSS_ENTROPY = Option(_given("cross_entropy"), "has no cross-entropy", "cross-entropy")
_GRADIENTS = Option(
    _word("gradients"),
    "has no gradients {}",
    "gradients {}",
    get_args(GradientKind),
    trials=(
        Trial(
            "truncated",
            STREAM | {"gradients": "truncated", "blocks": (2, 3)},
            STREAM | {"gradients": "whole", "blocks": (2, 3)},
            "the truncation of gradients",
        ),
    ),
    ignored="gradient-truncation-ignored",
)

Kinds = frozenset[str]
NONE: Kinds = frozenset()


@dataclass(frozen=True)
class Supported:
    """Which of the options an interface has: whether it has one, or in which kinds.

    forget_bias: one that is given at run time. peephole: which cells the output gate's can see. projection: of h.
    gate_clip: the readings that its documentation or its developers state. batch_major: whether that layout can be
    requested. holes: a mask that leaves out steps in the middle of a row. lengths_via: the documented ways of handing
    lengths over, besides the adapter's own choice (Case.lengths_via). blocks: whether a state can be carried on. head:
    a dense layer after the LSTM; softmax and cross_entropy: after the head. gradients: `whole`; `truncated`, where the
    state carried from block to block can be detached from its past.
    """

    forget_bias: Annotated[bool, _FORGET_BIAS] = False
    peephole: Annotated[Kinds, _PEEPHOLE] = NONE
    projection: Annotated[bool, _PROJECTION] = False
    projection_bias: Annotated[bool, _PROJECTION_BIAS] = False
    gate_clip: Annotated[Kinds, _GATE_CLIP] = NONE
    cell_clip: Annotated[bool, _CELL_CLIP] = False
    projection_clip: Annotated[bool, _PROJECTION_CLIP] = False
    coupling: Annotated[Kinds, _COUPLING] = NONE
    layer_norm: Annotated[Kinds, _LAYER_NORM] = NONE
    batch_major: Annotated[bool, _BATCH_MAJOR] = False
    holes: Annotated[bool, _HOLES] = False
    lengths_via: Annotated[Kinds, _LENGTHS_VIA] = NONE
    blocks: Annotated[bool, _BLOCKS] = True
    head: Annotated[bool, _HEAD] = True
    softmax: Annotated[bool, _SOFTMAX] = False
    cross_entropy: Annotated[bool, _CROSS_ENTROPY] = False
    gradients: Annotated[Kinds, _GRADIENTS] = NONE

    def lacking(self, case: Any) -> str | None:
        """Why the interface cannot take a case: the first option it lacks; None if it has all that the case uses."""
        for name, option in OPTIONS.items():
            has, used = getattr(self, name), option.used(case)
            if used in (None, False) or (used in has if option.words else has):
                continue
            kinds = f"; it has {' and '.join(sorted(has))}" if option.words and has and not option.calling else ""
            return option.refusal.format(used) + kinds
        return None


OPTIONS: dict[str, Option] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(Supported, include_extras=True).items()
}
EVERY_OPTION: dict[str, Any] = {
    name: frozenset(option.words) or True for name, option in OPTIONS.items() if not option.calling
}
"""The fields of `Supported` for an interface that computes with every option in every kind."""


def labels(case: Any) -> list[str]:
    """The texts of a summary for the options that a case uses."""
    used = {name: option.used(case) for name, option in OPTIONS.items()}
    texts = [
        option.label.format(used[name]) if isinstance(option.label, str) else option.label(case)
        for name, option in OPTIONS.items()
        if used[name] not in (None, False)
    ]
    return [text for text in texts if text]
