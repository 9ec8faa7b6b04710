"""The tape: a run's scans with every step, for what reads them after it (the gradients, the profile of a failure)."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.case.model import Case
from conformance.case.tensors import Arrays, Outputs
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan, Step


@dataclass(frozen=True, eq=False)
class Taped:
    """A scan and its steps by their place in time, in the order in which they were taken."""

    scan: Scan
    steps: dict[int, Step] = field(default_factory=dict)


class Recorded(Reference):
    """The LSTM of one case; `tape` has the scans of the last run, in the order in which they were made."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.tape: list[Taped] = []

    def run(self, arrays: Arrays) -> Outputs:
        """The reference's outputs; the tape is that of this run."""
        self.tape.clear()
        return super().run(arrays)

    def observe(self, given: Scan, t: int, step: Step) -> None:
        """Puts the step on tape."""
        if not self.tape or self.tape[-1].scan is not given:
            self.tape.append(Taped(given))
        self.tape[-1].steps[t] = step
        super().observe(given, t, step)
