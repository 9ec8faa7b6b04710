"""`Sampled`: a mistake made of four words, and the cases that show it best."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import ml_dtypes
from pydantic import ValidationError

from conformance.case.dtypes import numpy_dtype
from conformance.case.model import Case
from conformance.case.tensor_table import Keys
from conformance.lstm.mistakes.base import Mistake
from conformance.lstm.mistakes.grammar.backward import Backward
from conformance.lstm.mistakes.grammar.conditions import CONDITIONS, Condition
from conformance.lstm.mistakes.grammar.faults import FAULTS, Fault
from conformance.lstm.mistakes.grammar.localities import Locality, localities, locality
from conformance.lstm.mistakes.grammar.sites import SITES, Site, merged

ALL_OVER, ALWAYS = 0.25, 1 / 3
"""The shares of mistakes that are made all over, and in every case. Most others are in one part, with one option."""

_SMALL: Keys = {"T": 5, "B": 3, "I": 4, "H": 6}


def _tiny(dtype: str, times: float) -> tuple[Keys, Keys]:
    """Inputs, and upstream gradients, up to so many smallest normal numbers.

    Much of what is computed from them is subnormal, and the largest of it is not, so that all can be judged by it.
    """
    bound = times * float(ml_dtypes.finfo(numpy_dtype(dtype)).smallest_normal)
    few: Keys = {"uniform": {"low": -bound, "high": bound}}
    return {"x": few, "h0": few, "c0": few, "bias": False}, {"dy": few, "dh_n": few, "dc_n": few}


_FOR_FAULTS: dict[str, tuple[Keys, ...]] = {
    "saturated": ({"x": {"uniform": {"low": -40.0, "high": 40.0}}, "c0": {"uniform": {"low": -20.0, "high": 20.0}}},),
    "flushed": (*_tiny("float32", 24.0), *_tiny("float16", 6.0)),
}
"""Further numbers that a fault may need to show."""
_BASES: tuple[Keys, ...] = (
    {},
    {"T": 1},
    {"bias": False},
    {"h0": None, "c0": None},
    {"T": 1, "bias": False},
    {"lengths_via": "argument"},
)
"""What an interface may demand of every case."""

_PLACES: dict[str, Callable[[Keys], Keys]] = {
    "layer": lambda n: {"layers": 3},
    "direction-forward": lambda n: {"direction": "bidirectional"},
    "direction-reverse": lambda n: {"direction": "reverse"},
    "calls": CONDITIONS["only-with-calls"].keys,
    "blocks": CONDITIONS["only-with-blocks"].keys,
}
"""What a case needs to have for a locality, by its word or the first part of it."""


@dataclass(frozen=True)
class Sampled:
    """A mistake: what is done wrong at which operation, where, and in which cases."""

    site: Site
    fault: Fault
    where: Locality
    when: Condition

    @property
    def id(self) -> str:
        """The four words: `recurrent-product:dropped:units-tail-16:only-with-lengths`."""
        return ":".join((self.site.word, self.fault.word, self.where.word, self.when.word))

    @property
    def what(self) -> str:
        """A phrase that continues the word "it"."""
        words = (self.fault.phrase.format(self.site.phrase), self.where.phrase, self.when.phrase)
        return " ".join(word for word in words if word)

    def applies(self, case: Case) -> bool:
        """Whether it can be made on a case; cheap, and never false if the answer would differ."""
        return self.when.holds(case) and self.site.present(case) and self.where.possible(case, self.site.sizes(case))

    @functools.cached_property
    def mistake(self) -> Mistake:
        """The same as an entry like those of the catalogue, with the wrong computation."""
        named = {"site": self.site.word, "fault": self.fault, "locality": self.where, "condition": self.when.holds}
        return Mistake(self.id, self.site.word, self.what, type("Wrong", (Backward,), named), applies=self.applies)

    def probes(self) -> Iterator[Case]:
        """Small cases made to show it: with the operation, the part and the condition, each in several settings."""
        sizes = _SMALL | {"O": 4} | self.where.sizes()
        if "I" in self.where.sizes():  # the columns of an operation are those of its operand: x, or h
            sizes |= {"H": sizes["I"], "I": sizes["I"]}
        settings: list[Keys] = [{}, *_FOR_FAULTS.get(self.fault.word, ())]
        for numbers in settings:
            for base in _BASES:
                case = self._probe(dict(sizes), merged(numbers, base))
                if case is not None:
                    yield case

    def _probe(self, sizes: dict[str, int], base: Keys) -> Case | None:
        fixed = self.when.keys(sizes) | base
        sizes |= {letter: fixed[letter] for letter in "TB" if letter in fixed}
        keys: Keys = {letter: sizes[letter] for letter in "TBIH"}
        place = _PLACES.get(self.where.word, _PLACES.get(self.where.axis, lambda n: {}))(sizes)
        for part in (self.site.keys(sizes), place, self.when.keys(sizes), base):
            keys = merged(keys, part)
        if "B" in self.where.sizes().keys() | fixed.keys() and "O" in sizes and isinstance(keys.get("head"), dict):
            keys["head"] = keys["head"] | {"O": sizes["O"]}
        if keys.get("P") is not None and {"H", "I"} & self.where.sizes().keys():
            keys["P"] = keys["H"]
        if keys.get("layer_norm") == "basic-lstm-cell":
            keys["bias"] = False
        try:
            case = Case.model_validate({"id": "probe/case", "seed": 1} | keys)
        except ValidationError:
            return None
        return case if self.applies(case) else None


def sampled(words: str) -> Sampled:
    """The mistake of an id.

    Raises:
        ValueError: a word is not one of the grammar; the message names it.
    """
    parts = words.split(":")
    if len(parts) != 4:
        raise ValueError(f"'{words}' does not have four words with colons between them")
    site, fault, where, when = parts
    for kind, word, known in (("site", site, SITES), ("fault", fault, FAULTS), ("condition", when, CONDITIONS)):
        if word not in known:
            raise ValueError(f"no {kind} '{word}'; known: {', '.join(known)}")
    try:
        return Sampled(SITES[site], FAULTS[fault], locality(where), CONDITIONS[when])
    except KeyError:
        raise ValueError(f"no locality '{where}'") from None


def draw(random: Random) -> Iterator[Sampled]:
    """Mistakes at random without end, every site equally often.

    A quarter is made all over, the others in a part of one of the site's axes, each axis equally likely; a third in
    every case, the others only with or only without one property.
    """
    sites = list(SITES.values())
    conditions = [condition for condition in CONDITIONS.values() if condition.having is not None]
    while True:
        random.shuffle(sites)
        for site in sites:
            kinds = localities(site.axes)
            where = Locality()
            if kinds and random.random() >= ALL_OVER:
                where = random.choice(kinds[random.choice(list(kinds))])
            when = CONDITIONS["always"] if random.random() < ALWAYS else random.choice(conditions)
            yield Sampled(site, FAULTS[random.choice(site.faults)], where, when)
