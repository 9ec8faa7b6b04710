"""Draws the layers and the questions of a seed. Layer n of a seed is the same, whatever was drawn before it.

Options and sizes are those of the design of cases (conformance.golden.design), crossed at random: levels that never
occur together, and the borders of sizes, are stated there. What a level leaves open is drawn here: activations with
their parameters, bounds, the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import numpy as np
from pydantic import ValidationError

from conformance.adapters.capabilities import ActivationSet, Capabilities
from conformance.case.model import Case
from conformance.case.options import DEFAULTS, PARAMETERS
from conformance.case.tensors import Arrays, Weights
from conformance.fuzz import magnitudes
from conformance.fuzz.filling import generator_of, inputs_of, poison_of, poisoned, weights_of
from conformance.fuzz.moods import MOODS, TELLING, WISHED
from conformance.fuzz.questions import Question
from conformance.golden.design.arrays import levels
from conformance.golden.design.choosing import mostly_plain
from conformance.golden.design.factors import DEFAULTS as PLAIN
from conformance.golden.design.factors import OPTIONS, SIZES, Row
from conformance.golden.design.rows import completed, keys_of

QUESTIONS = 16
"""Cases of a layer: case n of a seed is question n % 16 of layer n // 16."""
LARGEST, LONGEST = 64, 33
"""The largest size of any axis, and the most steps."""
_MOST_OPERATIONS = 40_000
"""T * H * (I + H) of a layer, so that several hundred cases a second can be judged."""
_PLAIN = (0.35, 0.95)
"""An option has its plain level with a chance between these: layers with nearly all options, and with one or two."""
_TRIES = 200
_UNDIVIDED = 0.5
"""So many layers are no streams, whose questions are asked one by one, which takes three times as long."""
_CALLING = {"layout", "handed_over"}
_ROWS = (1, 1, 1, 2, 2, 3, 4, 5, 8, 9)
Refusal = Callable[[Case], str | None]


class Drawer:
    """Draws within what an interface accepts.

    Args:
        capabilities: of the adapter; None where they do not decide.
        refusal: why it refuses a case.
        accepts: whether it does when it is asked; only for options that say how it is called.
    """

    def __init__(
        self,
        capabilities: Capabilities | None,
        refusal: Refusal,
        seed: int,
        accepts: Callable[[Case], bool] = lambda case: True,
    ) -> None:
        self._capabilities, self.refusal, self._seed = capabilities, refusal, seed
        self._levels = _offered(refusal, accepts)

    def layer(self, number: int) -> tuple[Weights, list[Question]]:
        """The weights of a layer, and its questions.

        Raises:
            LookupError: the adapter accepts nothing of what was drawn.
        """
        random = Random(f"{self._seed}:{number}")
        for _ in range(_TRIES):
            (mood,) = random.choices(list(MOODS), list(MOODS.values()))
            drawn = self._template(mood, random)
            if drawn is not None and (found := self._asked(number, mood, *drawn, random)) is not None:
                return found
        raise LookupError("the adapter accepts none of the cases that were drawn; see: conformance smoke")

    def _template(self, mood: str, random: Random) -> tuple[Row, dict[str, Any]] | None:
        """A row of options and sizes, and the keys of its case but for those of single questions."""
        plain = mostly_plain(random, random.uniform(*_PLAIN))
        row = completed(self._wished(mood, random), self._levels, random, plain, _affordable)
        if row is None:
            return None
        keys = keys_of(row | {"numbers": PLAIN["numbers"]})
        if "activations" in keys:
            keys["activations"] = self._activations(row, mood, random)
        for name, bound in (("gate_clip", 2.0), ("cell_clip", 2.0), ("projection_clip", 1.0)):
            if name in keys:
                drawn = _short(bound * 2.0 ** random.uniform(-4.0, 1.0))
                keys[name] = {**keys[name], "bound": drawn} if name == "gate_clip" else drawn
        if "forget_bias" in keys:
            keys["forget_bias"] = _short(random.uniform(-3.0, 3.0)) or 1.0
        if {"lengths", "skip"} & keys.keys() and row["handed_over"] != "upstream":
            keys["padding"] = random.choice(magnitudes.PADDINGS)
        return row, keys

    def _wished(self, mood: str, random: Random) -> Row:
        """Levels that a layer of a mood has, of those that are accepted."""
        found: Row = {}
        if random.random() < _UNDIVIDED:
            found["division"] = PLAIN["division"]
        for option, wanted in WISHED.get(mood, {}).items():
            accepted = [level for level in wanted if level in self._levels[option]]
            if accepted and random.random() < 0.5:
                found[option] = random.choice(accepted)
        return found

    def _activations(self, row: Row, mood: str, random: Random) -> list[dict[str, Any]]:
        """Activations that the interface accepts, one set or one for each direction."""
        support = self._capabilities.activations if self._capabilities is not None else None
        per_direction = row["direction"] == "bidirectional" and (support is None or support.per_direction)
        by_default = random.choice(sorted(support.defaults)) if support is not None and support.defaults else None
        by_default = by_default if random.random() < 0.25 else None
        found = []
        for _ in range(2 if per_direction and random.random() < 0.8 else 1):
            chosen: dict[str, Any] = {
                position: _activation(
                    None if support is None else getattr(support, position), by_default, random, TELLING[mood]
                )
                for position in ("gate", "cell", "hidden")
            }
            if random.random() < 0.4:  # one that is not usual shows more than three
                chosen = {position: chosen[position] for position in [random.choice(sorted(chosen))]}
            if support is not None and support.hidden_is_cell and chosen.keys() & {"cell", "hidden"}:
                chosen["cell"] = chosen["hidden"] = chosen.get("cell", chosen.get("hidden"))
            found.append(chosen)
        return found

    def _asked(
        self, number: int, mood: str, row: Row, keys: dict[str, Any], random: Random
    ) -> tuple[Weights, list[Question]] | None:
        """The layer and its questions; None if the interface refuses one of them, or no case can be so."""
        generator = generator_of(self._seed, number)
        questions: list[Question] = []
        weights: Weights | None = None
        first: Case | None = None
        for index in range(QUESTIONS):
            own = {"B": row["B"] if index == 0 else _rows(row, random)}
            own |= OPTIONS["lengths"][row["lengths"]]({**row, **own}, random) if index else {}
            poison = poison_of(mood, random) if row["gradients"] == PLAIN["gradients"] and not _lossy(row) else None
            name = f"fuzz/seed-{self._seed}-case-{number * QUESTIONS + index}"
            if first is None:
                # `calls` is how questions are asked together, of whatever layer can be called more than once.
                taken = {key: value for key, value in (keys | own).items() if key != "calls"}
                try:
                    first = case = Case.model_validate({"id": name} | taken)
                except ValidationError:
                    return None
            else:
                case = first.model_copy(update={"id": name} | {key: _tuple(value) for key, value in own.items()})
            if self.refusal(case) is not None:
                return None
            if weights is None:
                weights = weights_of(case, mood, generator, random)
            arrays = Arrays(weights, inputs_of(case, mood, generator, random))
            if poison is not None:
                case, arrays = poisoned(case, arrays, poison, random)
            questions.append(Question(number * QUESTIONS + index, case, arrays))
        assert weights is not None
        return weights, questions


def _affordable(row: Mapping[str, Any]) -> bool:
    """Whether a row, which may be incomplete, is small enough."""
    size = {name: row.get(name, 1) for name in "TIHB"}
    layers = int(str(row.get("layers", "1"))[0]) * (2 if row.get("direction") == "bidirectional" else 1)
    return bool(size["T"] * size["H"] * (size["I"] + size["H"]) * layers <= _MOST_OPERATIONS and size["B"] <= 9)


def _offered(refusal: Refusal, accepts: Callable[[Case], bool]) -> dict[str, list[Any]]:
    """The levels of options that an interface accepts in some small case, and the sizes that are drawn."""
    found = levels()
    small: dict[str, list[Any]] = {name: [3, 1, 2, 5] if name in "TBIH" else [0, 2] for name in SIZES}
    random = Random(0)

    def accepted(part: Row) -> bool:
        for attempt in range(12):
            plain = mostly_plain(random, 1.0 if attempt < 8 else 0.7)
            row = completed(part, levels() | small, random, plain, lambda row: True)
            if row is None:
                continue
            try:
                case = Case.model_validate({"id": "fuzz/offered"} | keys_of(row))
            except ValidationError:
                continue
            if refusal(case) is None:
                return not part.keys() & _CALLING or part.items() <= PLAIN.items() or accepts(case)
        return False

    for name in OPTIONS:
        found[name] = [level for level in found[name] if accepted({name: level})] or found[name][:1]
    for name, option in (("P", "projection"), ("O", "head")):
        if found[option] == [PLAIN[option]]:
            found[name] = [0]
    for name in SIZES:
        found[name] = [size for size in found[name] if size <= (LONGEST if name == "T" else LARGEST)]
    found["numbers"] = [PLAIN["numbers"]]
    return found


def _tuple(value: Any) -> Any:
    """A list as the model of cases has it."""
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value


def _rows(row: Row, random: Random) -> int:
    """How many rows a further question has: enough for its lengths."""
    least = 2 if row["lengths"] in ("unsorted lengths", "empty rows") or row["division"] == "calls" else 1
    return max(random.choice(_ROWS), least)


def _lossy(row: Row) -> bool:
    return "cross-entropy" in str(row["head"]) or row["head"] == "softmax"


def _activation(
    accepted: ActivationSet | None, by_default: str | None, random: Random, telling: Sequence[str]
) -> dict[str, Any]:
    """An activation of a set, with parameters or with a framework's default ones; of some that are telling, if any is.

    These are chosen in half of all cases.
    """
    names = sorted(accepted if accepted is not None else (*PARAMETERS, "sigmoid", "tanh", "relu", "softsign", "linear"))
    if random.random() < 0.5:
        names = [name for name in names if name in telling] or names
    name = random.choice(names)
    if by_default is not None:
        names = [name for name in names if name in DEFAULTS[by_default] or name not in (*PARAMETERS, "linear")]
        name = random.choice(names or [name])
        if name in DEFAULTS[by_default]:
            return {"name": name, "defaults": by_default}
    known = accepted.get(name) if accepted is not None else None
    if known is not None:
        alpha, beta = random.choice(sorted(known, key=str))
        return {"name": name} | ({} if alpha is None else {"alpha": alpha}) | ({} if beta is None else {"beta": beta})
    usual = {"hard_sigmoid": (0.2, 0.5), "affine": (0.5, 0.25), "scaled_tanh": (1.5, 0.75)}.get(name, (0.5, 0.5))
    if random.random() < 0.5:
        usual = (_short(random.uniform(-1.5, 1.5)) or 0.5, _short(random.uniform(-1.0, 1.0)))
    return {"name": name} | dict(zip(PARAMETERS.get(name, ()), usual, strict=False))


def _short(value: float) -> float:
    """A number of few bits, which every dtype has."""
    return float(np.float32(np.round(value * 64.0) / 64.0)) or 0.015625
