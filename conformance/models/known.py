"""What the known deviations say of a layer: which of them an engine just showed, and which others would."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable
from conformance.case.model import Case
from conformance.golden.power import effects
from conformance.golden.vector import Vector
from conformance.lstm.mistakes import BY_ID
from conformance.models.checked import known_words
from conformance.results.deviations import Deviation
from conformance.results.record import Record
from conformance.results.shared.conditions import options_of


def shown(record: Record, deviations: Sequence[Deviation], versions: Mapping[str, str]) -> Deviation | None:
    """The deviation whose mistakes a wrong answer shows; None if there is none."""
    found = [set(suspect.mistakes) for suspect in record.suspects or ()]
    for deviation in deviations:
        if deviation.mistake and set(deviation.mistake) in found and deviation.holds_for(dict(versions)):
            return deviation
    return None


def expected(case: Case, vector: Vector, known: Mapping[str, Sequence[Deviation]], suite: Sequence[Case]) -> list[str]:
    """What is known of adapters that did not run, and would show in this case: a line each.

    A deviation would show if the case has every option that all of its own cases have, and the mistakes that it names
    change the answer.

    Args:
        known: the deviations of these adapters. suite: the cases that the deviations name.
    """
    told: dict[str, list[str]] = {}
    own = options_of(case)
    for adapter, deviations in known.items():
        try:
            if registry.load(adapter).capabilities.refusal(case) is not None:
                continue
        except AdapterUnavailable:  # the command of a harness, which cannot be asked
            continue
        for deviation in deviations:
            mistakes = [BY_ID[each] for each in deviation.mistake if each in BY_ID]
            if not mistakes or not all(mistake.applies(case) for mistake in mistakes):
                continue
            named = [each for each in suite if any(fnmatch.fnmatchcase(each.id, p) for p in deviation.cases)]
            if not named or not frozenset.intersection(*map(options_of, named)) <= own:
                continue
            found = effects(case, vector.arrays, vector.golden, vector.kappa, mistakes)
            if all(effect.caught for effect in found.values()):
                told.setdefault(known_words(deviation), []).append(f"{adapter} {_versions(deviation)}")
    return [f"known of {', '.join(dict.fromkeys(who))}: {words}" for words, who in told.items()]


def _versions(deviation: Deviation) -> str:
    return ", ".join(f"({package} {versions})" for package, versions in deviation.versions.items())
