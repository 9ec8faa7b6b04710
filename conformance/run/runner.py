"""One adapter, its worker process, and the path from a case to a result. Nothing else in the suite runs a case.

vector of the case -> worker -> outputs -> verdict -> diagnosis -> known deviations -> Result
"""

from __future__ import annotations

from dataclasses import replace

from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.case.model import Case
from conformance.case.outcomes import Crashed, Errored, Failed, Outcome, TimedOut, Unsupported
from conformance.case.tensors import from_bytes
from conformance.golden.cache import cached
from conformance.golden.store import VectorStore
from conformance.golden.vector import Vector
from conformance.run.deviations import Deviation, find
from conformance.run.process import Worker, WorkerDied, WorkerSilent
from conformance.run.result import Result
from conformance.verdict.compare import has_the_form, judge
from conformance.verdict.contracts import Contracts
from conformance.verdict.diagnose import diagnose

CASE_SECONDS = 300.0


class Runner:
    """Runs cases with one adapter. The worker starts with the first use and again after a crash or a hang.

    Args:
        adapter: `name` or `name@device`.
        timeout: seconds a case may take.
        options: what the command line would have to be given to run with the same specs, vectors and deviations.

    Raises:
        AdapterUnavailable: from `start`.
    """

    def __init__(
        self,
        adapter: str,
        store: VectorStore,
        deviations: list[Deviation],
        timeout: float = CASE_SECONDS,
        options: tuple[str, ...] = (),
    ) -> None:
        self.adapter = adapter
        self.versions: dict[str, str] = {}
        self._store = store
        self._deviations = deviations
        self._timeout = timeout
        self._options = options
        self._worker: Worker | None = None

    def start(self) -> Worker:
        """The worker, started if it is not running."""
        if self._worker is None:
            self._worker = Worker(self.adapter)
            self.versions = self._worker.versions
        return self._worker

    def run(self, case: Case) -> Result:
        """The result of a case; whatever goes wrong with the case is its outcome, never an exception."""
        try:
            vector = cached(case) if case.on_demand else self._store.load(case)
        except ConformanceError as error:
            # Not the framework's doing, so no known deviation can explain it.
            return Result(case, self.adapter, Errored(str(error)), self.versions, options=self._options)
        try:
            worker = self.start()
        except AdapterUnavailable as error:  # it loaded before; after a crash or a hang it does not any more
            return self._result(case, Errored(str(error)))
        try:
            answer = worker.ask(case, vector.arrays, self._timeout)
        except WorkerDied as error:
            self._drop()
            return self._result(case, Crashed(str(error)))
        except WorkerSilent:
            self._drop()
            return self._result(case, TimedOut(self._timeout))
        if "unsupported" in answer:
            return self._result(case, Unsupported(answer["unsupported"]))
        if "raised" in answer:
            return self._result(case, Errored(answer["raised"], answer["traceback"]))
        return self._judged(case, vector, answer)

    def close(self) -> None:
        """End the worker process."""
        self._drop()

    def _drop(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _judged(self, case: Case, vector: Vector, answer: dict[str, object]) -> Result:
        outputs = from_bytes(answer["outputs"]) | answer["strange"]  # type: ignore[arg-type, operator]
        precision, contracts = str(answer["precision"]), Contracts(str(answer["padded_y"]), str(answer["empty_rows"]))
        outcome = judge(case, outputs, vector.golden, vector.kappa, precision=precision, contracts=contracts)
        if isinstance(outcome, Failed) and has_the_form(case, outputs):
            deviation = self._deviation(case)
            suspects = diagnose(
                case,
                vector.arrays,
                outputs,
                vector.golden,
                vector.kappa,
                precision=precision,
                contracts=contracts,
                written=deviation.mistake if deviation is not None and deviation.outcome == "failed" else (),
            )
            outcome = replace(outcome, suspects=suspects)
        return self._result(case, outcome, precision, float(answer["seconds"]))  # type: ignore[arg-type]

    def _deviation(self, case: Case) -> Deviation | None:
        return find(self._deviations, case.id, self.versions)

    def _result(self, case: Case, outcome: Outcome, precision: str | None = None, seconds: float = 0.0) -> Result:
        deviation = self._deviation(case)
        return Result(case, self.adapter, outcome, self.versions, precision, seconds, deviation, self._options)
