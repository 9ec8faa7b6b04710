"""Adapters that are wrong under some conditions only, and right otherwise."""

from dataclasses import replace

from conformance.adapters.base import Model
from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.model import Case
from conformance.case.tensors import Weights


class IgnoresLengths(NumpyReference):
    """It ignores the lengths of a batch of at least four rows."""

    name = "ignores-lengths"

    def prepare(self, case: Case, weights: Weights) -> Model:
        model = super().prepare(case, weights)
        if not self.ignores_lengths(case):
            return model
        return lambda inputs: model(replace(inputs, lengths=None))

    def ignores_lengths(self, case: Case) -> bool:
        return case.lengths is not None and case.B > 3 and case.skip is None


class ScansForward(NumpyReference):
    """It scans forward in float16."""

    name = "scans-forward"

    def prepare(self, case: Case, weights: Weights) -> Model:
        if case.dtype == "float16" and case.direction == "reverse":
            return super().prepare(case.model_copy(update={"direction": "forward"}), weights)
        return super().prepare(case, weights)


class TwoBugs(ScansForward, IgnoresLengths):
    """It makes both mistakes."""

    name = "two-bugs"


class WrongOnce(IgnoresLengths):
    """It makes the mistake in one case."""

    name = "wrong-once"

    def ignores_lengths(self, case: Case) -> bool:
        return case.id == "lengths/unsorted-forward-f32"


class WrongEverywhere(NumpyReference):
    """What it returns never has the right shape."""

    name = "wrong-everywhere"

    def prepare(self, case: Case, weights: Weights) -> Model:
        model = super().prepare(case, weights)
        return lambda inputs: {name: array[None] for name, array in model(inputs).items()}


class RaisesAndFails(ScansForward):
    """It raises for the lengths of a batch of at least four rows, and scans forward in float16."""

    name = "raises-and-fails"

    def prepare(self, case: Case, weights: Weights) -> Model:
        if case.lengths is not None and case.B > 3:
            raise RuntimeError("no kernel for these lengths")
        return super().prepare(case, weights)
