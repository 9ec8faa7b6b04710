"""The checks of options: each declared option must change the answer or, if it should not, leave it as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.adapters.capabilities import ActivationSet, Capabilities
from conformance.case.option_table import OPTIONS
from conformance.case.options import DEFAULTS, Activation
from conformance.case.trials import NO_STATES, PADDED, STREAM
from conformance.lstm.mistakes import BY_ID
from conformance.run.smoke.questions import (
    BIDIRECTIONAL,
    Check,
    Fields,
    Question,
    added,
    parameters,
    plain,
    variations,
    x_of,
)

FIVE: Fields = {"T": 5}
UNSORTED: Fields = PADDED | {"lengths": (3, 5, 2)}

Row = tuple[str, str, Fields, Fields, str, tuple[str, ...]]
"""id, what is tried, the fields with it, the fields without it or with another value, the remedy, mistakes."""

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
    ("states/h0", "whether there is an h0", {"h0": None}, {}, "inputs.h0", ("initial-h-ignored",)),
    ("states/c0", "whether there is a c0", {"c0": None}, {}, "inputs.c0", ("initial-c-ignored",)),
]  # fmt: skip

_ZERO: Fields = {"constant": 0.0}
SAME: list[Row] = [
    ("states/absent-h0", "an absent h0", {"h0": None}, {"h0": _ZERO}, "None stands for zeros", ()),
    ("states/absent-c0", "an absent c0", {"c0": None}, {"c0": _ZERO}, "None stands for zeros", ()),
    ("states/absent", "absent states", NO_STATES, {"h0": _ZERO, "c0": _ZERO}, "None stands for zeros", ()),
    ("lengths/padding", "what x holds past a row's length", UNSORTED | {"padding": 1e3}, UNSORTED,
     "inputs.lengths", ("lengths-ignored",)),
]  # fmt: skip

_DEFAULTS = ("activations-ignored", "activation-parameters-ignored", *(m for m in BY_ID if "default-parameters" in m))


def checks(capabilities: Capabilities) -> Iterator[Check]:
    """Every check of an option; the caller leaves out those that the interface does not accept."""
    base = plain(capabilities)
    for id_, about, on, off, source, mistakes in DIFFER:
        declared = id_.partition("/")[0] not in ("bias", "states")  # which every interface has
        yield _differing(id_, about, base, (on, off), source, mistakes, declared=declared)
    for id_, about, on, off, source, mistakes in SAME:
        yield Check(id_, about, "same", Question(base | on), Question(base | off), source, mistakes)
    for name, option in OPTIONS.items():
        for trial in option.trials:
            id_, about, remedy = f"{name}/{trial.name}", trial.about or name, trial.remedy or f"case.{name}"
            mistakes = trial.mistakes
            if trial.expect == "differ":
                mistakes += (option.ignored,) if option.ignored else ()
                yield _differing(id_, about, base, (trial.on, trial.off), remedy, mistakes)
            else:
                one, other = Question(base | trial.on), Question(base | trial.off)
                yield Check(id_, about, "same", one, other, remedy, mistakes)
    # With one step per call there is no whole sequence to compare with; the first step must affect the last.
    steps = base | STREAM | {"T": 3, "blocks": (1, 1, 1)}
    first = Question(steps, added("inputs.x", 0))
    yield Check("blocks/carried", "the state of the call before", "differ", first, Question(steps),
                "use the h0 and c0 of each call, and return its h_n and c_n", names=("h_n", "c_n"),
                mistakes=("stream-c-not-carried", "stream-h-not-carried"))  # fmt: skip
    for dtype in sorted(capabilities.dtypes):
        mistakes = ("float64-in-float32",) if dtype == "float64" else ()
        remedy = f"compute in {dtype}, or declare the format used in `precision`"
        yield Check(
            f"dtype/{dtype}", f"dtype {dtype}", "digits", Question(base | {"dtype": dtype}), None, remedy, mistakes
        )
    yield from _activations(capabilities, base)


def _differing(
    id_: str,
    about: str,
    base: Fields,
    pair: tuple[Fields, Fields],
    source: str,
    mistakes: tuple[str, ...],
    *,
    declared: bool = True,
) -> Check:
    """Another option must give another answer. declared: whether a capability says that the interface has it."""
    one = Question(base | pair[0])
    remedy = f"hand it over ({source})" + (", or remove it from the capabilities" if declared else "")
    return Check(id_, about, "differ", one, Question(base | pair[1], x_of(one)), remedy, mistakes)


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
    """The second direction's own activations, if there is a choice."""
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
