"""The checks of options: what is declared has to change the answer, or, where it cannot, leave it as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.adapters.capabilities import ActivationSet, Capabilities
from conformance.case.options import DEFAULTS, Activation
from conformance.lstm.mistakes import BY_ID
from conformance.run.smoke.questions import (
    BIDIRECTIONAL,
    NO_STATES,
    WIDE,
    Check,
    Fields,
    Question,
    added,
    parameters,
    plain,
    variations,
    x_of,
)

P: Fields = {"P": 2}
FIVE: Fields = {"T": 5}
"""For what only a sequence has; an interface that takes one step at a time is not asked."""
STREAM: Fields = FIVE | {"direction": "forward"}
PADDED: Fields = FIVE | {"padding": 2.0}
"""Not so large that every gate is shut by it: a row that is not cut off has to show."""
FIRST_LONGEST: Fields = PADDED | {"lengths": (5, 3, 2)}
UNSORTED: Fields = PADDED | {"lengths": (3, 5, 2)}
ENDING: Fields = PADDED | {"lengths": (3, 5, 4)}
"""With a step of every row in each of two blocks, for an interface that takes no length of 0."""

Row = tuple[str, str, Fields, Fields, str, tuple[str, ...]]
"""id, what is tried, the fields with it, the fields without it or with another value, what to hand over, mistakes."""

_CLIP = "case.gate_clip.bound"
_CELL_CLIP = "case.cell_clip"
_PROJECTION_CLIP = "case.projection_clip"


def _clip(bound: float, reading: str) -> Fields:
    return WIDE | {"gate_clip": {"bound": bound, "reading": reading}}


DIFFER: list[Row] = [
    ("direction/reverse", "the direction", {"direction": "reverse", "T": 2}, {"direction": "forward", "T": 2},
     "case.direction", ()),
    ("layers/2", "the second layer", {"layers": 2}, {}, "case.layers", ()),
    ("bias/absent", "whether there is a bias", {"bias": False}, {}, "biases are None where case.bias is False", ()),
    ("lengths/each", "lengths", UNSORTED, FIVE, "inputs.lengths", ("lengths-ignored",)),
    ("lengths/common", "a length common to all rows", PADDED | {"lengths": (3, 3, 3)}, FIVE, "inputs.lengths",
     ("lengths-ignored",)),
    ("lengths/zero", "a length of 0", PADDED | {"lengths": (0, 5, 2)}, PADDED | {"lengths": (1, 5, 2)},
     "inputs.lengths", ("lengths-ignored",)),
    ("lengths/one-step", "a length of 0", {"lengths": (0, 1, 1), "T": 1}, {"lengths": (1, 1, 1), "T": 1},
     "inputs.lengths", ("lengths-ignored",)),
    ("holes/mask", "holes in the mask", PADDED | NO_STATES | {"skip": ((1, 2), (0, 4), (1,))}, FIVE | NO_STATES,
     "inputs.mask", ("holes-ignored",)),
    ("forget_bias/given", "forget_bias", {"forget_bias": 0.75}, {}, "case.forget_bias", ("forget-bias-ignored",)),
    ("forget_bias/value", "the value of forget_bias", {"forget_bias": 0.75}, {"forget_bias": 1.5}, "case.forget_bias",
     ("forget-bias-ignored",)),
    ("peephole/given", "peepholes", WIDE | {"peephole": True}, WIDE, "weights.rows[row].peephole",
     ("peephole-ignored",)),
    ("cell_clip/given", "cell_clip", WIDE | {"cell_clip": 0.75}, WIDE, _CELL_CLIP, ("cell-clip-ignored",)),
    ("cell_clip/value", "the value of cell_clip", WIDE | {"cell_clip": 0.75}, WIDE | {"cell_clip": 1.5}, _CELL_CLIP,
     ("cell-clip-ignored",)),
    ("gate_clip/gates", "gate_clip (gates)", _clip(0.5, "gates"), WIDE, _CLIP, ("clip-ignored",)),
    ("gate_clip/gates-value", "the value of gate_clip", _clip(0.5, "gates"), _clip(1.0, "gates"), _CLIP,
     ("clip-ignored",)),
    ("gate_clip/all", "gate_clip (all)", _clip(0.5, "all"), WIDE, _CLIP, ("clip-ignored",)),
    ("gate_clip/all-value", "the value of gate_clip", _clip(0.5, "all"), _clip(1.0, "all"), _CLIP, ("clip-ignored",)),
    ("gate_clip/reading", "the reading of gate_clip", _clip(0.5, "gates"), _clip(0.5, "all"), "case.gate_clip.reading",
     ("clip-ignored",)),
    ("projection_clip/given", "projection_clip", P | {"projection_clip": 0.125}, P, _PROJECTION_CLIP,
     ("projection-clip-ignored",)),
    ("projection_clip/value", "the value of projection_clip", P | {"projection_clip": 0.125},
     P | {"projection_clip": 0.0625}, _PROJECTION_CLIP, ("projection-clip-ignored",)),
    *(
        (f"coupling/{kind}", f"coupling {kind}", {"coupling": kind}, {}, "case.coupling", ("input-forget-ignored",))
        for kind in ("forget=1-input", "input=1-forget")
    ),
    ("coupling/kind", "the kind of coupling", {"coupling": "forget=1-input"}, {"coupling": "input=1-forget"},
     "case.coupling", ("input-forget-ignored",)),
    *(
        (f"layer_norm/{kind}", f"layer_norm {kind}", {"bias": False, "layer_norm": kind}, {"bias": False},
         "case.layer_norm", ("layer-norm-ignored",))
        for kind in ("basic-lstm-cell", "nnapi")
    ),
    ("layer_norm/kind", "the kind of layer_norm", {"bias": False, "layer_norm": "nnapi"},
     {"bias": False, "layer_norm": "basic-lstm-cell"}, "case.layer_norm", ("layer-norm-ignored",)),
    ("states/h0", "whether there is an h0", {"h0": None}, {}, "inputs.h0", ("initial-h-ignored",)),
    ("states/c0", "whether there is a c0", {"c0": None}, {}, "inputs.c0", ("initial-c-ignored",)),
    ("gradients/truncated", "the truncation of gradients", STREAM | {"gradients": "truncated", "blocks": (2, 3)},
     STREAM | {"gradients": "whole", "blocks": (2, 3)}, "case.gradients", ("gradient-truncation-ignored",)),
]  # fmt: skip

_ZERO: Fields = {"constant": 0.0}
SAME: list[Row] = [
    ("batch_major/layout", "the batch-major layout", {"layout": "batch_major"}, {},
     "it says how the framework is called: x and y are (T, B, ...) here all the same", ("layout-ignored",)),
    ("states/absent-h0", "an absent h0", {"h0": None}, {"h0": _ZERO}, "None stands for zeros", ()),
    ("states/absent-c0", "an absent c0", {"c0": None}, {"c0": _ZERO}, "None stands for zeros", ()),
    ("states/absent", "absent states", NO_STATES, {"h0": _ZERO, "c0": _ZERO}, "None stands for zeros", ()),
    ("blocks/stream", "cutting the sequence into blocks", STREAM | {"blocks": (2, 3)}, STREAM,
     "take h0 and c0 of each call, give back its h_n and c_n",
     ("stream-c-not-carried", "stream-h-not-carried", "steps-baked-in")),
    ("blocks/lengths", "lengths of a sequence cut into blocks", STREAM | ENDING | {"blocks": (2, 3)}, STREAM | ENDING,
     "inputs.lengths of each call: those within it", ("stream-lengths-restart",)),
    ("lengths/padding", "what x holds past a row's length", UNSORTED | {"padding": 1e3}, UNSORTED,
     "inputs.lengths", ("lengths-ignored",)),
]  # fmt: skip
for _way in ("argument", "packed", "packed-sorted", "upstream"):
    _asked = NO_STATES | FIRST_LONGEST | {"lengths_via": _way}
    DIFFER.append((f"lengths_via/{_way}", f"lengths by way of {_way}", _asked, FIVE | NO_STATES, "inputs.lengths",
                   ("lengths-ignored",)))  # fmt: skip
    SAME.append(
        (f"lengths_via/{_way}-same", f"handing lengths over by way of {_way}", _asked, NO_STATES | FIRST_LONGEST,
         "case.lengths_via", ())
    )  # fmt: skip


_DEFAULTS = ("activations-ignored", "activation-parameters-ignored", *(m for m in BY_ID if "default-parameters" in m))


def checks(capabilities: Capabilities) -> Iterator[Check]:
    """Every check of an option; those the interface does not accept are the caller's to leave out."""
    base = plain(capabilities)
    for id_, about, on, off, source, mistakes in DIFFER:
        declared = id_.partition("/")[0] not in ("bias", "states")  # which every interface has
        remedy = f"hand it over ({source})" + (", or take it out of the capabilities" if declared else "")
        one = Question(base | on)
        yield Check(id_, about, "differ", one, Question(base | off, x_of(one)), remedy, mistakes)
    for id_, about, on, off, source, mistakes in SAME:
        yield Check(id_, about, "same", Question(base | on), Question(base | off), source, mistakes)
    # With at most one step a call there is no whole sequence to compare with; the first step must reach the last.
    steps = base | STREAM | {"T": 3, "blocks": (1, 1, 1)}
    first = Question(steps, added("inputs.x", 0))
    yield Check("blocks/carried", "the state of the call before", "differ", first, Question(steps),
                "take h0 and c0 of each call, give back its h_n and c_n", names=("h_n", "c_n"),
                mistakes=("stream-c-not-carried", "stream-h-not-carried"))  # fmt: skip
    for dtype in sorted(capabilities.dtypes):
        mistakes = ("float64-in-float32",) if dtype == "float64" else ()
        remedy = f"compute in {dtype}, or say in `precision` what is computed in"
        yield Check(
            f"dtype/{dtype}", f"dtype {dtype}", "digits", Question(base | {"dtype": dtype}), None, remedy, mistakes
        )
    yield from _activations(capabilities, base)


def _activations(capabilities: Capabilities, base: dict[str, Any]) -> Iterator[Check]:
    support = capabilities.activations
    usual: dict[str, Any] = {"gate": "sigmoid", "cell": "tanh", "hidden": "tanh"} | base.get("activations", {})
    remedy = "hand over case.activations_of(direction), name and parameters"

    def question(position: str, activation: Activation) -> Question:
        chosen: dict[str, Any] = {position: activation.model_dump(exclude_none=True)}
        if position == "cell" and support.hidden_is_cell:
            chosen["hidden"] = chosen["cell"]
        return Question(base | {"activations": usual | chosen})

    for position in ("gate", "cell") if support.hidden_is_cell else ("gate", "cell", "hidden"):
        accepted: ActivationSet = getattr(support, position)
        known = Activation.model_validate(usual[position])
        for name in sorted(accepted):
            tried = parameters(accepted, name)[0]
            if tried != known:
                about, id_ = f"{tried} as its {position} activation", f"activations/{position}-{name}"
                yield Check(id_, about, "differ", question(position, tried), Question(base), remedy,
                            ("activations-ignored",))  # fmt: skip
            for parameter, changed in variations(accepted, tried):
                about, id_ = f"the {parameter} of {name}", f"activations/{position}-{name}-{parameter}"
                mistakes = ("activations-ignored", "activation-parameters-ignored")
                yield Check(
                    id_, about, "differ", question(position, changed), question(position, tried), remedy, mistakes
                )
            for who in sorted(support.defaults):
                if (own := DEFAULTS[who].get(name)) and accepted[name] is None:
                    left_out = Activation.model_validate({"name": name, "defaults": who})
                    given = Activation.model_validate({"name": name} | own)
                    about = f"leaving {name} its default parameters, those of {who},"
                    yield Check(f"activations/{position}-{name}-defaults-{who}", about, "same",
                                question(position, left_out), question(position, given),
                                "where activation.defaults is set, call the framework without the parameters",
                                _DEFAULTS)  # fmt: skip
    if support.per_direction:
        yield from _second_list(capabilities, base, usual, remedy)


def _second_list(
    capabilities: Capabilities, base: dict[str, Any], usual: dict[str, Any], remedy: str
) -> Iterator[Check]:
    """The second direction's own activations, where there is a choice."""
    support = capabilities.activations
    for position in ("gate", "cell", "hidden"):
        accepted: ActivationSet = getattr(support, position)
        known = Activation.model_validate(usual[position])
        other = next((a for name in sorted(accepted) for a in parameters(accepted, name) if a != known), None)
        if other is None:
            continue
        chosen = usual | {position: other.model_dump(exclude_none=True)}
        if support.hidden_is_cell and position in ("cell", "hidden"):
            chosen |= {"cell": chosen[position], "hidden": chosen[position]}
        both = base | BIDIRECTIONAL
        yield Check(f"activations/second-{position}", f"the second direction's {position} activation", "differ",
                    Question(both | {"activations": [usual, chosen]}), Question(both | {"activations": [usual, usual]}),
                    remedy, ("activations-ignored", "second-direction-uses-first-activations"))  # fmt: skip
