"""What a worker's answer says: its numbers, or the outcome and the words of what is none."""

from __future__ import annotations

import re
from typing import Any

from conformance.case.outcomes import Crashed, Errored, TimedOut
from conformance.case.tensors import from_bytes
from conformance.run.messages import Answer, AtFault, Computed, Died, Ending, Raised, Silent


def outputs_of(answer: Computed) -> dict[str, Any]:
    """The outputs of an answer; a text in place of what is no array."""
    return from_bytes(answer.tensors) | answer.strange


def came_of(answer: Answer | Ending) -> tuple[str, str]:
    """The outcome of what is no answer in numbers, and what was said."""
    match answer:
        case Died(text):
            return Crashed.name, text
        case Silent(text):
            return TimedOut.name, text
        case Raised(text) | AtFault(text):
            return Errored.name, text
    raise AssertionError(f"{type(answer).__name__} is an answer")


def without_numbers(text: str) -> tuple[str, ...]:
    """The first line of a message without what differs from case to case, as a part of a kind."""
    first = (text.splitlines() or [""])[0]
    return (re.sub(r"[-+]?\d+([.,]\d+)*(e[-+]?\d+)?", "#", first)[:160],)
