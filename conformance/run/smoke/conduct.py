"""The checks of conduct: one model called in turn, the same question twice."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.adapters.capabilities import Capabilities
from conformance.case.tensors import Array
from conformance.run.smoke.questions import Check, Question, plain


def checks(capabilities: Capabilities) -> Iterator[Check]:
    """Nothing stays from call to call, no answer changes afterwards, the last question's answer is the first one's."""
    base = plain(capabilities)
    turns = base | {"B": 6, "calls": (2, 2, 2)}
    first, second, third = (Question(turns, _first_again, slice(n, n + 2)) for n in (0, 2, 4))
    yield Check("calls/overwritten", "another input in the next call", "differ", first, second,
                "give back arrays of their own, not a buffer that the next call fills",
                blame="an answer that was handed out becomes the next call's")  # fmt: skip
    yield Check("calls/left-over", "another call before", "same", third, first,
                "begin each call from the states it is given, None for zeros; keep none")  # fmt: skip
    yield Check("calls/again", "everything asked in between", "same", Question(base, fresh=True), Question(base),
                "look for a cache with too small a key, and for numbers drawn or memory read at random")  # fmt: skip


def _first_again(tensors: dict[str, Array]) -> None:
    """The third call's rows are the first one's."""
    for name in ("inputs.x", "inputs.h0", "inputs.c0"):
        tensors[name][:, 4:6] = tensors[name][:, 0:2]
