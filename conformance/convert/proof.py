"""The proof of a move: the frameworks of source and target run with their weights on drawn inputs, and are judged.

The golden values are the oracle's, for the weights of each side; of layers so large that the oracle would take minutes,
the reference's in float64. Where the two sides have other weights, because a sum was rounded, it is told how far that
moves the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.case.dtypes import NOISE_ALLOWED
from conformance.case.errors import AdapterUnavailable, GenerationError
from conformance.case.model import Case
from conformance.case.outcomes import Failed, Passed
from conformance.case.tensors import Arrays, Weights
from conformance.case.text import shortened
from conformance.convert import keras2
from conformance.golden.build import demand_judgeable
from conformance.golden.inputs import make_arrays
from conformance.golden.vector import Vector
from conformance.lstm.gradients import reference_of
from conformance.lstm.kappa import kappa
from conformance.lstm.oracle import prove
from conformance.run.assess import assess
from conformance.run.messages import Answer, Ending, NotLoaded
from conformance.run.process import Worker
from conformance.run.settings import RunSettings
from conformance.verdict.noise import noise
from conformance.weights.found import case_of
from conformance.weights.named import Named

SIZES = {"T": 4, "B": 2}
"""Steps and rows of the drawn inputs."""
_MOST_PROVEN = 4_000_000
"""The most weights for which the oracle is asked: about five seconds and half a GiB."""


@dataclass(frozen=True)
class Side:
    """One end of a move. role: `source` or `target`. keys: of a case. weights: as they are in the file."""

    role: str
    named: Named
    keys: dict[str, Any]
    weights: Weights


@dataclass(frozen=True)
class Line:
    """One statement of the proof. right: None where nothing was proven."""

    text: str
    right: bool | None


def proven(sides: Sequence[Side], seed: int) -> Iterator[Line]:
    """What the frameworks of the source and of the target make of their weights."""
    frameworks: list[_Framework] = []
    try:
        frameworks += map(_Framework, sides)
        narrow = min((side.keys["dtype"] for side in sides), key=_WIDTHS.index)
        cases = [_case(side, seed) for side in sides]
        drawn = _inputs(cases[0].model_copy(update={"dtype": narrow}))
        vectors: list[Vector] = []
        for side, case in zip(sides, cases, strict=True):
            arrays = Arrays(side.weights, drawn.mapped(lambda array, case=case: array.astype(case.np_dtype)))
            same = bool(vectors) and _alike(cases, vectors[0].arrays, arrays)
            vectors.append(vectors[0] if same else _vector(case, arrays))
        if sum(array.size for array in vectors[0].arrays.weights.flat.values()) > _MOST_PROVEN:
            yield Line("the golden values are the reference's in float64: the oracle would take minutes", True)
        for side, case, vector, framework in zip(sides, cases, vectors, frameworks, strict=True):
            yield _judged(side, case, vector, framework)
        yield _moved(cases, vectors)
    except GenerationError as error:
        yield Line(f"source and target: not proven: with these weights {error}", None)
    finally:
        for framework in frameworks:
            framework.close()


_WIDTHS = ("bfloat16", "float16", "float32", "float64")
"""Numbers of few bits fit into those that come after; those drawn here have an ordinary size."""


class _Framework:
    """The worker of a side, which starts while the golden values are made. problem: why there is none."""

    def __init__(self, side: Side) -> None:
        self.labels = list(side.named.adapters)
        self.worker: Worker | None = None
        self.problem = ""
        self._begin()

    def _begin(self) -> None:
        """Start the first adapter that is left and can be started."""
        while self.labels and self.worker is None:
            try:
                self.worker = Worker(self.labels.pop(0), RunSettings(), ready=False)
            except AdapterUnavailable as error:
                self._failed(error)

    def ready(self, case: Case) -> Worker | None:
        """The worker with the first of the layout's adapters that loads and takes the case."""
        while self.worker is not None:
            try:
                self.worker.wait_until_ready()
                if (refusal := self.worker.refusal(case)) is None:
                    return self.worker
                self.worker.close()
                self._failed(AdapterUnavailable(refusal))
            except AdapterUnavailable as error:
                self._failed(error)
            self.worker = None
            self._begin()
        return None

    def _failed(self, error: AdapterUnavailable) -> None:
        self.problem = self.problem or shortened(str(error).splitlines()[0], 300)

    def close(self) -> None:
        """End the worker."""
        if self.worker is not None:
            self.worker.close()


def _case(side: Side, seed: int) -> Case:
    zeros = {"constant": 0.0}
    names = ("W", "R", "b_w", "b_r", "peephole", "projection", "projection_bias", "gamma", "beta")
    sources = {"weights": dict.fromkeys(names, zeros), "seed": seed}
    return case_of({"id": f"convert/{side.role}", **SIZES, **side.keys, **sources})


def _inputs(case: Case) -> Any:
    """x, h0 and c0; the weights of the case are all zeros, which costs nothing to draw."""
    return make_arrays(case).inputs


def _alike(cases: Sequence[Case], one: Arrays, other: Arrays) -> bool:
    """Whether both sides are the same case with the same numbers, so that the golden values are the same."""
    source, target = (case.model_dump(exclude={"id"}) for case in cases)
    if source != target or one.flat.keys() != other.flat.keys():
        return False
    return all(array.tobytes() == other.flat[name].tobytes() for name, array in one.flat.items())


def _vector(case: Case, arrays: Arrays) -> Vector:
    """The golden values, and how far rounding may move them.

    Raises:
        GenerationError: there are none, or no answer could be judged by them.
    """
    large = sum(array.size for array in arrays.weights.flat.values()) > _MOST_PROVEN
    if large and case.dtype == "float64":
        raise GenerationError(f"{case.id}: more than {_MOST_PROVEN:,} weights of float64 are not proven")
    if large:
        exact = case.model_copy(update={"dtype": "float64"})
        golden = reference_of(exact).run(arrays.in_dtype(np.float64))
    else:
        golden = prove(case, arrays).outputs
    found = Vector(arrays, golden, kappa(case, arrays))
    demand_judgeable(case, found)
    return found


def _judged(side: Side, case: Case, vector: Vector, framework: _Framework) -> Line:
    """The verdict on a framework's answer."""
    who = f"the {side.role} in {side.named.name}"
    answer: Answer | Ending | NotLoaded
    if side.named.name in keras2.LAYOUTS:
        who, version = f"the {side.role} in tf_keras", keras2.version()
        answer = keras2.answer(side.named, case, vector.arrays)
        if isinstance(answer, NotLoaded):
            return Line(f"{who}: not proven: {answer.reason}", None)
    elif (worker := framework.ready(case)) is None:
        problem = framework.problem or "the suite runs no framework with this layout"
        return Line(f"{who}: not proven: {problem}", None)
    else:
        who, version = f"the {side.role} in {worker.label}", next(iter(worker.info.versions.values()), "")
        answer = worker.ask(case, vector.arrays, RunSettings().timeout)
    outcome = assess(case, vector, answer, (), along_time=False).outcome
    who = f"{who} {version}"
    if isinstance(outcome, Passed):
        return Line(f"{who}: noise {outcome.noise:.2g}", True)
    if isinstance(outcome, Failed):
        return Line(f"{who}: WRONG: {' '.join(outcome.story(None))}", False)
    return Line(f"{who}: not proven: {shortened(' '.join(outcome.story(None)), 300)}", None)


def _moved(cases: Sequence[Case], vectors: Sequence[Vector]) -> Line:
    """How far apart the right answers with the two sides' weights are."""
    source, target = vectors
    if all(np.array_equal(source.golden[name], target.golden[name]) for name in source.golden):
        return Line("source and target: the same golden values", True)
    precision = max((case.dtype for case in cases), key=lambda name: -_WIDTHS.index(name))
    apart = max(float(noise(target.golden[n], g, source.kappa[n], precision).max()) for n, g in source.golden.items())
    least = max(float(np.max(np.abs(target.golden[n] - g))) for n, g in source.golden.items())
    text = f"source and target: what is rounded moves the golden values by at most {least:.2g}, {apart:.2g} noise units"
    return Line(f"{text} of {precision}", apart <= NOISE_ALLOWED[precision])
