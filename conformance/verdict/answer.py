"""`Answer`: the outputs of an implementation for a case, with everything they are judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.verdict.contracts import DEFAULTS, Contracts


@dataclass(frozen=True, eq=False)
class Answer:
    """A wrong answer; the input of the diagnosis and the profile.

    outputs: every tensor of `case.outputs`, with its shape and the case's dtype. golden, kappa: same names and shapes,
    under the default contracts. precision, contracts: those the answer was judged by (see `judge`).
    """

    case: Case
    arrays: Arrays
    outputs: Mapping[str, Array]
    golden: Outputs
    kappa: Outputs
    precision: str
    contracts: Contracts = DEFAULTS

    def under_contracts(self) -> Answer:
        """The same, with golden and kappa under the contracts, and outputs made right where nothing is promised."""
        golden, kappa = (self.contracts.applied(self.case, dict(each)) for each in (self.golden, self.kappa))
        outputs = {n: self.contracts.settled(self.case, n, self.outputs[n], golden[n]) for n in self.case.outputs}
        return replace(self, outputs=outputs, golden=golden, kappa=kappa, contracts=DEFAULTS)

    def larger(self, name: str) -> Array:
        """For each element of a tensor, the golden value or the answer's, whichever is larger; 0 if not finite.

        A wrong computation may have larger numbers than the right one, and larger rounding errors with them.
        """
        tensors = (self.outputs[name].astype(np.float64), self.golden[name])
        got, want = (np.where(np.isfinite(each), each, 0.0) for each in tensors)
        return np.where(np.abs(got) > np.abs(want), got, want)
