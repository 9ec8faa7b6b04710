"""Recognises failures: those that a known deviation of the adapter explains, and those met before."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from conformance.case.model import Case
from conformance.case.outcomes import Failed, Suspect
from conformance.fuzz.approximated import FINE, explained, explained_within, spelled_out
from conformance.lstm.mistakes import BY_ID
from conformance.results.deviations import Deviation
from conformance.results.shared.conditions import options_of
from conformance.verdict.answer import Answer
from conformance.verdict.diagnose import approximated_by, reproduced_by
from conformance.verdict.inexact import is_inexact

Mistakes = tuple[str, ...]
"""Ids of mistakes that are made together, sorted."""


def of_suspects(suspects: Iterable[Suspect] | None) -> list[Mistakes]:
    """The mistakes of each suspect, best first."""
    return [tuple(sorted(suspect.mistakes)) for suspect in suspects or ()]


class Known:
    """Sets of mistakes by which failures are recognised.

    Args:
        deviations: those of the adapter that hold for its versions and settings; none where they are hidden.
        cases: reads those of a family, which the deviations name; only called where a deviation has no other mark.
    """

    def __init__(
        self, deviations: Sequence[Deviation], cases: Callable[[str], Sequence[Case]] = lambda family: ()
    ) -> None:
        self._deviations, self._cases = deviations, cases
        self._families: dict[str, Sequence[Case]] = {}
        self._commons: dict[str, frozenset[str]] = {}
        self._approximations = sorted({m for d in deviations for m in d.mistake if m in BY_ID and BY_ID[m].approximate})
        named = [d for d in deviations if d.mistake and all(each in BY_ID for each in d.mistake)]
        self._written = {tuple(sorted(d.mistake)) for d in named if d.outcome == Failed.name}
        self._recent: list[Mistakes] = sorted(self._written)

    def add(self, mistakes: Mistakes) -> None:
        """Recognise these from now on, though no deviation has them; of approximations only the fine ones.

        What a coarse one explains by its size may be anything.
        """
        if mistakes not in self._recent:
            self._recent.insert(0, mistakes)
        self._approximations = sorted({*self._approximations, *(FINE & set(mistakes))})

    def written(self, mistakes: Sequence[Mistakes]) -> bool:
        """Whether some of these sets is that of a known deviation, or made of known ones."""
        parts = {each for known in self._written for each in known}
        return any(each in self._written or (bool(each) and parts >= set(each)) for each in mistakes)

    def reproduces(self, answer: Answer) -> Mistakes | None:
        """The known mistakes that give the same wrong answer; None if there are none."""
        candidates = list(dict.fromkeys(self._candidates(answer.case)))
        found = reproduced_by(answer, candidates) if candidates else None
        if found is None:
            with_defaults = [each for each in candidates if any(BY_ID[m].axis == "activation parameters" for m in each)]
            others = spelled_out(answer) if with_defaults else ()
            found = next((it for each in others if (it := reproduced_by(each, with_defaults)) is not None), None)
        if found in self._recent:  # what is frequent is tried first
            self._recent.remove(found)
            self._recent.insert(0, found)
        return found

    def _candidates(self, case: Case) -> Iterator[Mistakes]:
        can = [each for each in self._recent if all(_exact(mistake, case) for mistake in each)]
        yield from can
        whole = sorted({mistake for each in can for mistake in each})
        if 1 < len(whole) <= 6:
            yield tuple(whole)
            for left in whole:
                yield tuple(mistake for mistake in whole if mistake != left)

    def approximates(self, answer: Answer) -> bool:
        """Whether the approximations that deviations name explain an answer, or make it no less wrong."""
        case, can = answer.case, self._approximating(answer.case)
        if can and approximated_by(answer, can):
            return True
        written = sorted(each for each in self._written if all(_exact(mistake, case) for mistake in each))
        # They apply to the activations that they name, and what is like these loses NaN as well.
        lost = sorted({m for each in self._written for m in each if BY_ID[m].axis == "non-finite"})
        exact = [each for each in written if not set(each) & set(lost)]
        if not (can or exact or lost):
            return False
        return any(explained(each, can, lost, exact) for each in (answer, *spelled_out(answer)))

    def approximates_within(self, answer: Answer) -> bool:
        """Whether they explain mean errors and signs of zeros, of an answer that is within the tolerance."""
        can = self._approximating(answer.case)
        return bool(can) and explained_within(answer, can)

    def _approximating(self, case: Case) -> list[str]:
        return [each for each in self._approximations if BY_ID[each].applies(case)]

    def without_a_name(self, case: Case, outcome: str) -> bool:
        """Whether a failure that no mistake explains may be a deviation that none explains, either.

        That is so where the case has all options of the cases that the deviation names.
        """
        return any(
            deviation.outcome == outcome and _unnamed(deviation) and self._common(deviation) <= options_of(case)
            for deviation in self._deviations
        )

    def _common(self, deviation: Deviation) -> frozenset[str]:
        if deviation.where not in self._commons:
            families = dict.fromkeys(pattern.partition("/")[0] for pattern in deviation.cases)
            cases = [case for family in families for case in self._of_family(family)]
            named = [c for c in cases if any(fnmatch.fnmatchcase(c.id, pattern) for pattern in deviation.cases)]
            common = frozenset.intersection(*map(options_of, named)) if named else frozenset({"no case is named"})
            self._commons[deviation.where] = frozenset(text for text in common if not text.startswith("the family"))
        return self._commons[deviation.where]

    def _of_family(self, family: str) -> Sequence[Case]:
        if family not in self._families:
            self._families[family] = self._cases(family)
        return self._families[family]


def holding(deviations: Sequence[Deviation], versions: Mapping[str, str], settings: Mapping[str, str]
            ) -> list[Deviation]:  # fmt: skip
    """The deviations that hold for what an adapter reports of itself."""
    return [d for d in deviations if d.holds_for(dict(versions)) and d.settings.items() <= settings.items()]


def _exact(mistake: str, case: Case) -> bool:
    """Whether a mistake can be made in a case, and has digits that can be reproduced."""
    return mistake in BY_ID and not is_inexact(BY_ID[mistake]) and BY_ID[mistake].applies(case)


def _unnamed(deviation: Deviation) -> bool:
    """Whether no mistake of the catalogue tells the deviation."""
    return deviation.outcome != Failed.name or not deviation.mistake
