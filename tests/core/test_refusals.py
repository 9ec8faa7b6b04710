"""What an adapter refuses by its capabilities is known without asking it, in the same words; and only that."""

from dataclasses import replace
from typing import Any

import pytest
from harness import Suite

from conformance.adapters import registry
from conformance.adapters.capabilities import ActivationSupport, Capabilities
from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.outcomes import Unsupported
from conformance.golden.store import VectorStore
from conformance.run.runner import Runner
from conformance.run.worker import refusals


@pytest.mark.parametrize("name", registry.names())
def test_capabilities_travel(name: str) -> None:
    capabilities = registry.load(name).capabilities
    assert Capabilities.from_json(capabilities.to_json()) == capabilities


def test_a_case_that_is_refused_is_neither_loaded_nor_sent(suite: Suite, broken_adapters: None) -> None:
    plain, double = suite.cases["tiny/plain-f32"], suite.cases["tiny/plain-f64"]
    runner = Runner("broken", VectorStore(suite.vectors), [])
    empty = Runner("broken", VectorStore(suite.specs), [])
    try:
        asked = runner.run(double)  # nobody knows yet, so its adapter says it
        runner.run(plain)
        known = runner.run(double)
        empty.start()
        without_vector = empty.run(double)
    finally:
        runner.close()
        empty.close()
    assert asked.outcome == Unsupported("broken computes in float32, not in float64")
    assert known.outcome == without_vector.outcome == asked.outcome
    assert asked.seconds > 0.0 and known.seconds == 0.0


def test_an_adapter_that_decides_for_itself_is_asked() -> None:
    class Deciding(NumpyReference):
        def run(self, case: Any, weights: Any, inputs: Any) -> Any:
            return super().run(case, weights, inputs)

    class Special(Capabilities):
        def refusal(self, case: Any) -> str | None:
            return "does not like it"

    class ByItsOwn(NumpyReference):
        capabilities = Special()

    class Loosely(NumpyReference):
        capabilities = Capabilities(dtypes={"float32"})  # type: ignore[arg-type]

    class Wrongly(NumpyReference):
        capabilities = replace(NumpyReference.capabilities, activations=ActivationSupport(gate={"tanh": object()}))  # type: ignore[dict-item]

    assert refusals(NumpyReference()) is not None
    assert [refusals(adapter()) for adapter in (Deciding, ByItsOwn, Loosely, Wrongly)] == [None, None, None, None]
