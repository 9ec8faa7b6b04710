"""What `conformance smoke` has found with one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["passed", "failed", "known", "refused", "noted", "waits"]


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    outcome: `known` is a failure that a known deviation describes; `refused`: declared, but the adapter raises
    UnsupportedOption; `noted`: a run tolerates it; `waits`: cannot be decided before other checks pass.
    text: what was found; remedy: what to do about it. Both are plain sentences, and empty for `passed`.
    """

    check: str
    about: str
    outcome: Outcome
    text: str = ""
    remedy: str = ""
    again: str = ""

    def message(self) -> str:
        """The finding as text: the check, what was found, what to do, how to run it again."""
        lines = [f"{self.outcome.upper()} {self.check}"]
        lines += [f"  {line}" for line in self.text.splitlines() if line.strip()]
        lines += [f"  do: {self.remedy}"] if self.remedy else []
        lines += [f"  again: {self.again}"] if self.again else []
        return "\n".join(lines)
