"""The checks of behaviour across calls: one model called several times, and the same question twice."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.adapters.capabilities import Capabilities
from conformance.case.tensors import Array
from conformance.run.smoke.questions import Check, Question, of_rows, plain


def checks(capabilities: Capabilities) -> Iterator[Check]:
    """No state is kept between calls, no answer changes afterwards, and the same question gets the same answer."""
    base = plain(capabilities)
    turns = base | {"B": 6, "calls": (2, 2, 2)}
    first, second, third = (Question(turns, _first_again, of_rows(slice(n, n + 2))) for n in (0, 2, 4))
    yield Check("calls/overwritten", "another input in the next call", "differ", first, second,
                "give back arrays of their own, not a buffer that the next call fills",
                blame="an answer is overwritten by the next call's")  # fmt: skip
    yield Check("calls/left-over", "another call before", "same", third, first,
                "begin each call from the states it is given, None for zeros; keep none")  # fmt: skip
    yield Check("calls/again", "everything asked in between", "same", Question(base, fresh=True), Question(base),
                "look for a cache with too small a key, and for numbers drawn or memory read at random")  # fmt: skip


def _first_again(tensors: dict[str, Array]) -> None:
    """Makes the rows of the third call those of the first."""
    for name in ("inputs.x", "inputs.h0", "inputs.c0"):
        tensors[name][:, 4:6] = tensors[name][:, 0:2]
