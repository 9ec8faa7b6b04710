"""Collects the mistakes of every module beside this one into the one list."""

from __future__ import annotations

from conformance.lstm.mistakes import cell
from conformance.lstm.mistakes.base import Mistake

CATALOGUE: tuple[Mistake, ...] = (*cell.MISTAKES,)
BY_ID: dict[str, Mistake] = {mistake.id: mistake for mistake in CATALOGUE}
