"""The quick cases of an adapter, and what each is there for."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from conformance.case.model import Case
from conformance.golden.store import VectorStore
from conformance.quick import catches, seconds
from conformance.quick.catches import key
from conformance.quick.cover import Demands
from conformance.quick.listed import listed
from conformance.quick.seconds import UNKNOWN, Times
from conformance.results.deviations import Deviation


@dataclass(frozen=True)
class Chosen:
    """A quick case. seconds: what it is thought to cost. mistakes: those that at most one other shows as surely."""

    case: Case
    seconds: float
    mistakes: tuple[str, ...]


@dataclass(frozen=True)
class Quick:
    """The quick cases, those that show most for what they cost first.

    of: how many cases could be chosen from: the adapter supports them, and they are not known to fail.
    caught, catchable: how many mistakes are shown by the quick cases, and by all of those.
    """

    chosen: tuple[Chosen, ...]
    of: int
    caught: int
    catchable: int

    @property
    def seconds(self) -> float:
        """What they are thought to cost together."""
        return sum(each.seconds for each in self.chosen)

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the cases."""
        return frozenset(each.case.id for each in self.chosen)


class Chooser:
    """Chooses quick cases by the table of catches and the times beside a folder of vectors.

    Args:
        vectors: the folder.
        own_times: times that are better known than those stored, by the name of the adapter.

    Attributes:
        table: of catches.

    Raises:
        ConformanceError: there is no table beside these vectors, or a file cannot be read.
    """

    def __init__(self, vectors: Path, own_times: Mapping[str, Times] | None = None) -> None:
        self.table = catches.read(vectors)
        self._times = seconds.read(vectors) | dict(own_times or {})
        self._keys = keys_of(VectorStore(vectors))

    def choose(
        self,
        cases: Sequence[Case],
        adapter: str,
        supports: Callable[[Case], bool],
        deviations: Collection[Deviation],
        budget: float = math.inf,
    ) -> Quick:
        """The quick ones of some cases.

        Args:
            cases: those that may be chosen. adapter: its name, by which times are looked up.
            supports: whether the adapter takes a case. deviations: its known ones.
            budget: seconds that the cases may cost together.
        """
        times = self._times.get(adapter, UNKNOWN)
        usable: list[Case] = []
        keys: list[int] = []
        costs: list[float] = []
        for case in cases:
            found = key_of(case, self._keys)
            if found is None or found not in self.table.rows or not supports(case) or listed(case.id, deviations):
                continue
            cost = times.of(case, found)
            if cost is not None:
                usable.append(case)
                keys.append(found)
                costs.append(cost)
        levels = self.table.of(keys)
        demands = Demands(levels)
        chosen = demands.cover(np.array(costs), budget)
        names = self.table.mistakes
        return Quick(
            tuple(
                Chosen(usable[n], costs[n], tuple(names[k] for k in why))
                for n, why in zip(chosen, demands.reasons(chosen), strict=True)
            ),
            len(usable),
            int(np.count_nonzero(levels[chosen].any(axis=0))),
            int(np.count_nonzero(levels.any(axis=0))),
        )


def key_of(case: Case, keys: Mapping[str, int]) -> int | None:
    """The key of a case; None if it has no vector. keys: as `keys_of` gives them."""
    return key(case.id, case.digest()) if case.on_demand else keys.get(case.id)


def keys_of(store: VectorStore) -> dict[str, int]:
    """The keys of all cases whose vectors are shipped, by id."""
    return {case_id: key(case_id, entry.spec) for case_id, entry in store.entries.items()}
