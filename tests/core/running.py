"""Shared by the tests of the runner: every case of a suite with one adapter."""

from typing import Any

from harness import Suite

from conformance.golden.store import VectorStore
from conformance.results.result import Result
from conformance.run.runner import Runner
from conformance.run.settings import RunSettings

SECONDS = 2.0


def run_all(adapter: str, suite: Suite, **kwargs: Any) -> dict[str, Result]:
    runner = Runner(
        adapter,
        VectorStore(kwargs.pop("vectors", suite.vectors)),
        kwargs.pop("deviations", []),
        RunSettings(timeout=SECONDS),
    )
    try:
        return {result.case.id: result for result in runner.results(suite.cases.values())}
    finally:
        runner.close()
