"""The tape: records every scan and step of a run, for use after it (by the gradients and the profile of a failure)."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.case.model import Case
from conformance.case.tensors import Arrays, Outputs
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan, Step


@dataclass(frozen=True, eq=False)
class Taped:
    """A scan and its steps by time index, in the order in which they were computed."""

    scan: Scan
    steps: dict[int, Step] = field(default_factory=dict)


class Recorded(Reference):
    """The LSTM of one case; `tape` has the scans of the last run, in the order in which they were computed."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.tape: list[Taped] = []

    def run(self, arrays: Arrays) -> Outputs:
        """The reference's outputs; replaces the tape with that of this run."""
        self.tape.clear()
        return super().run(arrays)

    def observe(self, given: Scan, t: int, step: Step) -> None:
        """Records the step on the tape."""
        if not self.tape or self.tape[-1].scan is not given:
            self.tape.append(Taped(given))
        self.tape[-1].steps[t] = step
        super().observe(given, t, step)
