"""One adapter, its worker, and the path from a case to a result. Nothing else in the suite runs a case.

vector of the case -> worker -> outputs -> verdict -> diagnosis -> known deviations -> Result
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.case.model import Case
from conformance.case.outcomes import Errored, Failed, Unsupported
from conformance.golden.cache import cached
from conformance.golden.store import VectorStore
from conformance.results.deviations import Deviation, find
from conformance.results.record import AdapterInfo
from conformance.results.result import Result
from conformance.run.assess import Assessment, assess
from conformance.run.endpoint import Endpoint
from conformance.run.in_process import InProcess
from conformance.run.messages import Answer, Computed, Ending, NotLoaded, Raised, is_last
from conformance.run.pipeline import PendingCase, Pipeline
from conformance.run.process import Worker
from conformance.run.settings import RunSettings

_STARTS = 3
"""After so many failures in a row to start the worker again it is not tried any more: each may take minutes."""


class Runner:
    """Runs cases with one adapter. The worker starts with the first use and again after a crash or a hang.

    Args:
        adapter: the label, `[PLACE:]NAME[@DEVICE]`.
        store: the golden vectors.
        deviations: the known ones of this adapter.
        settings: how its cases are run.
        profiles: whether failures get their profile along time, which takes a while and only a report shows.
        begun: a worker for this adapter that need not be ready yet, to be the first one; it is this runner's to close.

    Attributes:
        info: who answers; empty before the first start.
        loading: seconds from the start of the last worker to its being ready.
        may_have_another: whether the adapter, which has been started, may have a second worker beside this one's.

    Raises:
        AdapterUnavailable: the label names no place there is; and from `start`.
    """

    def __init__(
        self,
        adapter: str,
        store: VectorStore,
        deviations: list[Deviation],
        settings: RunSettings | None = None,
        *,
        profiles: bool = True,
        begun: Worker | None = None,
    ) -> None:
        self.adapter = adapter
        self.info = AdapterInfo()
        self.loading = 0.0
        self.may_have_another = False
        self._loading = 0.0
        self._others: list[Runner] = []
        self._settings = settings or RunSettings()
        self._store = store
        self._deviations = deviations
        self._profiles = profiles
        self._options = self._settings.again(adapter)
        self._begun = begun
        self._worker: Endpoint | None = None
        self._refusal: Callable[[Case], str | None] = lambda case: None
        self._failures: list[str] = []

    def start(self) -> Endpoint:
        """The worker, started if it is not running."""
        if self._worker is None:
            if len(self._failures) >= _STARTS:
                raise AdapterUnavailable(f"gave up after {_STARTS} failed starts: {self._failures[-1]}")
            try:
                made = self._made()
            except AdapterUnavailable as error:
                self._failures.append(str(error))
                raise
            self._worker, self.info, self._refusal = made, made.info, made.refusal
            self.loading, self.may_have_another = made.seconds, not made.alone
            self._loading += made.seconds
            self._failures.clear()
        return self._worker

    def begin(self) -> None:
        """Begin to start the worker, without waiting for it; what is wrong with it is told by `start`."""
        if self._worker is None and self._begun is None and not self._settings.in_process:
            with contextlib.suppress(AdapterUnavailable):
                self._begun = self._new()

    @property
    def import_seconds(self) -> float:
        """From the start of each worker to its being ready, all of them together, those of `another` too."""
        return self._loading + sum(other.import_seconds for other in self._others)

    def another(self) -> Runner:
        """One more runner of this adapter, with a worker of its own; it is the caller's to close."""
        other = Runner(self.adapter, self._store, self._deviations, self._settings, profiles=self._profiles)
        self._others.append(other)
        return other

    def supports(self, case: Case) -> bool:
        """Whether the adapter, which has been started, accepts the case."""
        return self._refusal(case) is None

    def _made(self) -> Endpoint:
        if self._settings.in_process:
            return InProcess(self.adapter, self._settings.trace)
        worker = self._begun = self._begun or self._new()
        try:
            worker.wait_until_ready()  # until then `close` has to reach it
        finally:
            self._begun = None
        return worker

    def _new(self) -> Worker:
        return Worker(self.adapter, self._settings, ready=False)

    @property
    def versions(self) -> dict[str, str]:
        """Of the packages that compute; empty before the first start."""
        return self.info.versions

    def run(self, case: Case) -> Result:
        """The result of a case; whatever goes wrong with the case is its outcome, never an exception."""
        (result,) = self.results([case])
        return result

    def results(self, cases: Iterable[Case]) -> Iterator[Result]:
        """The result of each case, in their order. The worker is some cases ahead of what is judged here.

        A worker that runs is given the first ones at once, before the first result is asked for.
        """
        pipeline = Pipeline(map(self._loaded, cases))
        self._refill(pipeline)
        return self._in_turn(pipeline)

    def _in_turn(self, pipeline: Pipeline) -> Iterator[Result]:
        try:
            while pipeline.waiting:
                first = pipeline.waiting[0]
                answer = self._answer(pipeline.waiting) if first.vector is not None else None
                pipeline.pop()
                if isinstance(answer, Computed | Raised):
                    pipeline.took(answer.seconds)
                self._refill(pipeline)
                self._replace_the_dead(pipeline.waiting)
                yield self._result_of(first, answer)
        finally:
            if pipeline.waiting:
                self.close()  # it may be at work on what nobody asks for any more

    def _refill(self, pipeline: Pipeline) -> None:
        """Load the next cases, and send them to the worker where one is running."""
        for each in pipeline.refill():
            self._send(each)

    def close(self) -> None:
        """End the worker."""
        begun, self._begun = self._begun, None
        if begun is not None:
            begun.close()
        self._end()

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def _replace_the_dead(self, waiting: deque[PendingCase]) -> None:
        """Begin another worker as soon as this one has died; what it answered before may take a while to judge."""
        if self._begun is None and self._worker is not None and self._worker.ended and len(waiting) > 1:
            with contextlib.suppress(AdapterUnavailable):  # which is told of the case that needs it
                self._begun = self._new()

    def _loaded(self, case: Case) -> PendingCase:
        reason = self._refusal(case)
        if reason is not None:
            return PendingCase(case, None, self._result(case, Assessment(Unsupported(reason)), self._deviation(case)))
        try:
            return PendingCase(case, cached(case) if case.on_demand else self._store.load(case))
        except ConformanceError as error:
            # Not the framework's doing, so no known deviation can explain it.
            result = Result(case, self.adapter, Errored(str(error)), self.versions, options=self._options)
            return PendingCase(case, None, result)

    def _send(self, each: PendingCase) -> None:
        """Send what this worker has not got yet."""
        if self._worker is not None and each.vector is not None and each.sent_to is not self._worker:
            self._worker.send(each.case, each.vector.arrays, self._settings.timeout)
            each.sent_to = self._worker

    def _answer(self, waiting: deque[PendingCase]) -> Answer | Ending | NotLoaded:
        """What came of asking for the first case; the end of a worker is that case's doing."""
        try:
            worker = self.start()
        except AdapterUnavailable as error:  # it loaded before; after a crash or a hang it does not any more
            return NotLoaded(str(error))
        if waiting[0].sent_to is not worker:  # the one before has died, with all that waited there
            for each in waiting:
                self._send(each)
        answer = worker.receive()
        if is_last(answer):
            self._end()
        return answer

    def _result_of(self, each: PendingCase, answer: Answer | Ending | NotLoaded | None) -> Result:
        if answer is None:
            assert each.result is not None
            return each.result
        assert each.vector is not None
        deviation = self._deviation(each.case, answer.precision if isinstance(answer, Computed) else None)
        written = deviation.mistake if deviation is not None and deviation.outcome == Failed.name else ()
        found = assess(each.case, each.vector, answer, written, along_time=self._profiles)
        return self._result(each.case, found, deviation)

    def _deviation(self, case: Case, precision: str | None = None) -> Deviation | None:
        return find(self._deviations, case.id, self.versions, precision, self.info.settings)

    def _result(self, case: Case, found: Assessment, deviation: Deviation | None) -> Result:
        return Result(
            case,
            self.adapter,
            found.outcome,
            self.versions,
            found.precision,
            found.seconds,
            deviation,
            self._options,
        )
