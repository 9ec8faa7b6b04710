"""The smallest case that is still wrong, found by Hypothesis among the reductions of a case.

Sizes and options in turn with the numbers, for of simple numbers fewer are needed. Each choice is a number whose 0
means the simplest, so that Hypothesis'
shrinker, which lowers numbers, makes the case simpler.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from conformance.case.errors import ConformanceError
from conformance.fuzz.reductions import LEVELS, Small, one_direction, simplified, sized, used, without

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

IsWrong = Callable[[Small], bool]
_DRAWS = 60
"""Reductions that are drawn at random before the best is made smaller."""
_KEPT = 8
"""An option is kept in so many of a draw's `_KEPT` + 1 chances; with more, nothing would be wrong any more."""


def demand_installed() -> None:
    """Raises ConformanceError if what only fuzzing needs is not installed."""
    try:
        import hypothesis  # noqa: F401
        import threadpoolctl  # noqa: F401
    except ImportError as error:
        raise ConformanceError(f"fuzzing needs {error.name}: pip install 'lstm-conformance[fuzz]'") from error


def shrunk(small: Small, is_wrong: IsWrong, most: int) -> Small:
    """The smallest reduction that is still wrong.

    Args:
        most: how often to ask at most.
    """
    counted = _Counted(is_wrong, most)
    for strategy in (_structure, _numbers, _structure, _numbers):
        small = _found(strategy(small), counted, small)
    return small


class _Counted:
    """Asks only so often, and never twice for the same."""

    def __init__(self, is_wrong: IsWrong, most: int) -> None:
        self._is_wrong, self._left, self._most = is_wrong, 0, most
        self._answers: dict[bytes, bool] = {}

    def begin(self) -> None:
        self._left = self._most

    def __call__(self, small: Small | None) -> bool:
        if small is None:
            return False
        case, arrays = small
        parts = (array.tobytes() for array in arrays.flat.values())
        key = case.model_dump_json(exclude={"id"}).encode() + b"".join(parts)
        if key not in self._answers:
            if self._left <= 0:
                return False
            self._left -= 1
            self._answers[key] = self._is_wrong(small)
        return self._answers[key]


def _found(strategy: SearchStrategy[Small | None], is_wrong: _Counted, otherwise: Small) -> Small:
    import hypothesis
    from hypothesis.errors import HypothesisException

    is_wrong.begin()
    settings = hypothesis.settings(
        max_examples=_DRAWS,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", hypothesis.errors.HypothesisWarning)  # that a case is long to print
            found = hypothesis.find(strategy, is_wrong, settings=settings, random=Random(0))
    except HypothesisException:  # nothing smaller is wrong
        return otherwise
    return found if found is not None else otherwise


def _structure(small: Small) -> SearchStrategy[Small | None]:
    """Fewer options, layers, directions, steps, rows, inputs and units."""
    from hypothesis import strategies as st

    @st.composite
    def reduced(draw: Any) -> Small | None:
        now: Small | None = small
        case = small[0]
        if case.D == 2 and (kept := draw(st.integers(0, 4))) < 2:
            now = one_direction(small, kept)
        sizes = {"L": case.layers, "T": case.T, "B": case.B, "I": case.I, "P": case.P or 1, "H": case.H}
        sizes["O"] = case.head.O if case.head is not None else 1
        for axis, size in sizes.items():
            if size > 1:
                wanted = min(size, 1 + draw(st.integers(0, 3 * size)))
                # Drawn in any case: a choice that comes and goes would move all that follow it.
                first = min(draw(st.integers(0, size - 1)), size - wanted) if axis in "BTH" else 0
                now = now and (sized(now, axis, wanted, first) if wanted < size else now)
        for option in used(case):
            if draw(st.integers(0, _KEPT)) == 0 and now is not None and option in used(now[0]):
                now = without(now, option)
        return now

    return reduced()


def _numbers(small: Small) -> SearchStrategy[Small | None]:
    """Simpler numbers."""
    from hypothesis import strategies as st

    case, _ = small
    names = [f"weights.{name}" for name in case.weight_shapes] + [f"inputs.{name}" for name in case.input_shapes]
    levels = st.fixed_dictionaries({name: st.integers(0, 2 * LEVELS) for name in names})
    return levels.map(lambda chosen: simplified(small, chosen))
