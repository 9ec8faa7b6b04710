"""`Answer`: the outputs of an implementation for a case, with everything they are judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan
from conformance.verdict.contracts import DEFAULTS, Contracts
from conformance.verdict.follow import Followed, follow, top_scans
from conformance.verdict.noise import allowed


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
        return self._under_contracts

    @cached_property
    def _under_contracts(self) -> Answer:
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

    def allowed(self, name: str) -> Array:
        """The largest error of each element of a tensor that counts as right, in the tensor's unit."""
        return allowed(self.larger(name), self.kappa[name], self.case.tolerance, self.precision, self.case.np_dtype)

    @cached_property
    def exact(self) -> Arrays:
        """The weights and inputs in float64."""
        return self.arrays.in_dtype(np.float64)

    @cached_property
    def top_scans(self) -> list[Scan]:
        """The right scans of the top layer, one for each direction, in float64."""
        with np.errstate(all="ignore"):
            return top_scans(Reference(self.case), self.exact)

    @cached_property
    def carried(self) -> list[Followed]:
        """The scans of the top layer along this answer's y, with c carried from step to step."""
        ys, largest = (np.split(each, self.case.D, axis=-1) for each in (self.float64("y"), self.allowed("y")))
        with np.errstate(all="ignore"):
            return [follow(Reference(self.case), scan, ys[d], largest[d]) for d, scan in enumerate(self.top_scans)]

    def float64(self, name: str) -> Array:
        """One of the outputs, in float64."""
        return self.outputs[name].astype(np.float64)
