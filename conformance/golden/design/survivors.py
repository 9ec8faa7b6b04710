"""Cases for drawn mistakes that all other cases let pass, as a spec.

A sample that is measured says what passes; the cases added for one sample also catch much of what passes in others. So
the seeds of what is added and of what is measured have to differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from conformance.case.model import CHECKED, Case
from conformance.golden.design.fitness import unfit
from conformance.golden.design.sizes import operations, storable, stored_bytes
from conformance.golden.design.text import document
from conformance.golden.inputs import make_arrays
from conformance.golden.power import effects
from conformance.golden.sampling import Drawn
from conformance.lstm.gradients import reference_of
from conformance.lstm.kappa import kappa

WRITTEN = (
    "# Written by `conformance mistakes --sample`, which docs/sampled-mistakes.md describes: not to be changed by hand."
)
_LONGEST = 60
_NOT_SAID = {"id", "description", "remade", "exempt", "on_demand", "origin"}


def cases_for(survivors: Iterable[Drawn], family: str, there: Sequence[Case] = ()) -> list[Case]:
    """Cases that between them catch these mistakes, except those that no small case shows well enough.

    Args:
        family: that of the cases. there: those that it has; numbers go on from theirs.
    """
    left, found = list(survivors), list[Case]()
    while left:
        drawn = left.pop(0)
        for probe in sorted(_probes(drawn), key=_cost):
            number = len(there) + len(found) + 1
            case = _named(probe, f"{family}/{number:03d}-{_slug(drawn.mistake.id)}", f"it {drawn.mistake.what}")
            alike = [each for each in left if _alike(each, drawn)]  # the only ones that it is likely to catch
            if unfit(case) is None and drawn in (caught := _caught(case, [drawn, *alike])):
                found.append(case)
                left = [each for each in left if each not in caught]
                break
    return found


def _probes(drawn: Drawn) -> list[Case]:
    """The cases made for a mistake whose sizes are those of the one that shows it."""
    sizes = "TBIH"
    alike = [each for each in drawn.mistake.probes() if all(getattr(each, s) == getattr(drawn.probe, s) for s in sizes)]
    return [drawn.probe, *(each for each in alike if each != drawn.probe)]


def _alike(one: Drawn, other: Drawn) -> bool:
    """Whether two mistakes are made in the same part, or under the same condition at the same operation."""
    same_part = one.mistake.where == other.mistake.where
    return same_part or (one.mistake.site, one.mistake.when) == (other.mistake.site, other.mistake.when)


def _cost(case: Case) -> tuple[bool, float]:
    return not storable(case), stored_bytes(case) + operations(case) / 1e3


def _named(case: Case, name: str, description: str) -> Case:
    keys = case.model_dump(mode="json", exclude_defaults=True) | {"id": name, "description": description}
    return Case.model_validate(keys | {"remade": True, "on_demand": not storable(case)}, context=CHECKED)


def _slug(words: str) -> str:
    return re.sub("[^a-z0-9]+", "-", words)[:_LONGEST].strip("-")


def _caught(case: Case, drawn: Sequence[Drawn]) -> list[Drawn]:
    """Those of the mistakes that a case catches, by golden values in float64 instead of proven ones."""
    arrays = make_arrays(case)
    with np.errstate(all="ignore"):
        golden = reference_of(case).run(arrays.in_dtype(np.float64))
    found = effects(case, arrays, golden, kappa(case, arrays), [each.mistake.mistake for each in drawn])
    return [each for each in drawn if each.mistake.id in found and found[each.mistake.id].caught]


def spec_of(family: str, cases: Sequence[Case]) -> str:
    """The text of a spec with these cases."""
    about = "cases made for mistakes that were drawn at random and passed all other cases"
    keys = [case.model_dump(mode="json", exclude_defaults=True, exclude=_NOT_SAID) for case in cases]
    return document(WRITTEN, family, about, list(zip(cases, keys, strict=True)))
