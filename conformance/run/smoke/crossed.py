"""The checks of options in other surroundings: in later calls and blocks, with lengths, in each direction.

An adapter may pass an option on where everything else is plain, and lose it on another of its paths. What a layer
computes there is known without golden values: a sequence in blocks gives what the whole sequence gives, a reverse layer
what a forward layer gives for x reversed in time. So one question with many options at once is enough for each
surrounding; only if its answer is wrong, each option is asked about alone, to name it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from conformance.adapters.capabilities import Capabilities
from conformance.case.option_table import OPTIONS
from conformance.case.tensor_table import LAYER_WEIGHTS
from conformance.case.tensors import Array
from conformance.case.trials import NO_STATES, PADDED, STREAM
from conformance.run.smoke.questions import (
    BIDIRECTIONAL,
    Check,
    Fields,
    Question,
    of_steps,
    parameters,
    plain,
)

_FORWARD: Fields = {"direction": "forward"}


@dataclass(frozen=True)
class Toggle:
    """An option that is given: what to call it, the keys that give it, and the mistake of ignoring it."""

    about: str
    keys: Fields
    ignored: str | None = None


Pair = tuple[Question, Question]


@dataclass(frozen=True)
class Surrounding:
    """Where an option may get lost.

    name: of the check. how: an option must act there. pair: two questions, the same in it and outside it; None if
    they cannot be the same. names: the outputs that are compared; () for all.
    """

    name: str
    how: str
    pair: Callable[[Fields], Pair | None]
    names: tuple[str, ...] = ()
    mistakes: tuple[str, ...] = ()


def checks(capabilities: Capabilities) -> Iterator[Check]:
    """A check of each surrounding with every option that can be given there, in as few groups as go together."""
    base = plain(capabilities)
    for turn, surrounding in enumerate(_surroundings(capabilities)):

        def accepted(keys: Fields, surrounding: Surrounding = surrounding) -> bool:
            return _accepted(capabilities, surrounding.pair, base | keys)

        if not accepted({}):
            continue
        groups = _grouped(_toggles(), accepted)
        groups += [[toggle] for toggle in _activations(capabilities, base, turn) if accepted(toggle.keys)]
        for number, group in enumerate(groups, 1):
            name = surrounding.name if number == 1 else f"{surrounding.name}-{number}"
            alone = tuple(_check(surrounding, base, [toggle], name) for toggle in (_PLAIN, *group))
            yield replace(_check(surrounding, base, group, name), parts=alone)


_PLAIN = Toggle("the plain layer", {})


def _check(surrounding: Surrounding, base: Fields, group: Sequence[Toggle], name: str) -> Check:
    pair = surrounding.pair(_merged(base, group))
    assert pair is not None
    one, other = pair
    about = ", ".join(toggle.about for toggle in group)
    mistakes = tuple(toggle.ignored for toggle in group if toggle.ignored) + surrounding.mistakes
    return Check(
        f"crossed/{name}", about, "same", one, other,
        "hand it over on every path of the adapter, or call the engine by hand to see whether it loses it there",
        mistakes, surrounding.names, f"{about} must act {surrounding.how}",
    )  # fmt: skip


def _merged(base: Fields, group: Sequence[Toggle]) -> Fields:
    for toggle in group:
        base = base | toggle.keys
    return base


def _toggles() -> Iterator[Toggle]:
    """The options that every kind of surrounding may have, each once."""
    yield Toggle("a layer without bias", {"bias": False})
    yield Toggle("a layer without states", NO_STATES)
    yield Toggle("a second layer", {"layers": 2})
    for name, option in OPTIONS.items():
        for trial in option.trials:
            if trial.expect == "differ" and not trial.on.keys() & _SURROUNDED:
                yield Toggle(trial.about or name, trial.on, option.ignored)
        if not option.trials and name in LAYER_WEIGHTS:
            for keys in LAYER_WEIGHTS[name].tried_with:
                yield Toggle(name, keys, LAYER_WEIGHTS[name].ignored)


_SURROUNDED = {"T", "direction", "lengths", "blocks", "skip"}
"""Keys that are themselves a surrounding."""


_CLIPS = {"gate_clip", "cell_clip", "projection_clip"}
"""Keys of which a group has one at most: where one clip holds the numbers down, another has nothing to do."""


def _grouped(toggles: Iterator[Toggle], accepted: Callable[[Fields], bool]) -> list[list[Toggle]]:
    """Toggles put together as far as their keys do not contradict each other and the interface accepts them."""
    groups: list[list[Toggle]] = []
    for toggle in toggles:
        merged = [_merged({}, group) for group in groups]
        if not accepted(toggle.keys) or any(toggle.keys.items() <= keys.items() for keys in merged):
            continue
        for group, keys in zip(groups, merged, strict=True):
            agree = all(keys.get(key, value) == value for key, value in toggle.keys.items())
            clips = (keys | toggle.keys).keys() & _CLIPS
            if agree and len(clips) <= 1 and accepted(keys | toggle.keys):
                group.append(toggle)
                break
        else:
            groups.append([toggle])
    return groups


def _activations(capabilities: Capabilities, base: Fields, turn: int) -> Iterator[Toggle]:
    """Another activation at each position; every surrounding has its turn of the list."""
    support = capabilities.activations
    usual: Fields = {"gate": "sigmoid", "cell": "tanh", "hidden": "tanh"} | base.get("activations", {})
    chosen = dict(usual)
    for position in usual:
        accepted = getattr(support, position)
        others = [a.model_dump(exclude_none=True) for name in sorted(accepted) for a in parameters(accepted, name)]
        others = [a for a in others if a not in (usual[position], {"name": usual[position]})]
        if position == "gate":  # above 1, the state grows without bound
            others = [a for a in others if a["name"] in _BOUNDED] or others
        if others:
            chosen[position] = others[turn % len(others)]
    if support.hidden_is_cell:
        chosen["hidden"] = chosen["cell"]
    if chosen != usual:
        yield Toggle("other activations", {"activations": chosen}, "activations-ignored")


_BOUNDED = frozenset({"sigmoid", "tanh", "hard_sigmoid", "softsign", "scaled_tanh"})


def _accepted(capabilities: Capabilities, pair: Callable[[Fields], Pair | None], fields: Fields) -> bool:
    try:
        questions = pair(fields)
        return questions is not None and all(capabilities.refusal(each.case) is None for each in questions)
    except ValidationError:  # the keys contradict each other, or do not go with the surrounding
        return False


def _surroundings(capabilities: Capabilities) -> Iterator[Surrounding]:
    lengths = (4, 5, 3) if capabilities.lengths == "each" else (3, 3, 3)

    def calls(fields: Fields) -> Pair:
        return Question(fields | {"B": 6, "calls": (3, 3)}), Question(fields | {"B": 6})

    def blocks(fields: Fields) -> Pair:
        return Question(fields | STREAM | {"blocks": (2, 3)}), Question(fields | STREAM)

    def with_lengths(fields: Fields) -> Pair:
        some = fields | STREAM
        first = of_steps(slice(0, min(lengths)))
        return Question(some | PADDED | {"lengths": lengths}, view=first), Question(some, view=first)

    def reverse(fields: Fields) -> Pair:
        one = Question(fields | {"direction": "reverse"})
        return one, Question(fields | _FORWARD, _reversed, of_steps(slice(None, None, -1)))

    def second(fields: Fields) -> Pair | None:
        if "layers" in fields:  # the layer above sees both directions
            return None
        both = Question(fields | BIDIRECTIONAL, view=_second_half)
        return both, Question(fields | _FORWARD, _second_row_of(both), of_steps(slice(None, None, -1)))

    yield Surrounding("calls", "in each of several calls as in one", calls)
    yield Surrounding("blocks", "in every block of a sequence as in the whole", blocks,
                      mistakes=OPTIONS["blocks"].trials[0].mistakes)  # fmt: skip
    yield Surrounding("lengths", "with lengths as without", with_lengths, ("y",), ("lengths-ignored",))
    yield Surrounding("reverse", "in reverse as forward", reverse)
    yield Surrounding("second-direction", "in the second direction as in the first", second)


def _reversed(tensors: dict[str, Array]) -> None:
    """Reverses x in time."""
    tensors["inputs.x"] = tensors["inputs.x"][::-1].copy()


def _second_half(outputs: Mapping[str, Array]) -> dict[str, Array]:
    """What the second of two directions computed."""
    half = outputs["y"].shape[-1] // 2
    return {"y": outputs["y"][..., half:], "h_n": outputs["h_n"][1:], "c_n": outputs["c_n"][1:]}


def _second_row_of(both: Question) -> Callable[[dict[str, Array]], None]:
    """Gives a layer of one direction the weights and states of the second of two, and x reversed in time."""

    def edit(tensors: dict[str, Array]) -> None:
        given = both.arrays.flat
        for name in tensors:
            if name.startswith("weights."):
                tensors[name] = given[name.removesuffix("0") + "1"].copy()
            elif name in ("inputs.h0", "inputs.c0"):
                tensors[name] = given[name][1:].copy()
        tensors["inputs.x"] = given["inputs.x"].copy()
        _reversed(tensors)

    return edit
