"""Models that Keras exports wrongly are caught by shipped cases, and the diagnosis names the mistake."""

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from conformance.case.load import load_specs
from conformance.case.model import Case
from conformance.case.outcomes import Failed, Outcome, Passed
from conformance.golden.store import VectorStore
from conformance.run.runner import Runner

pytestmark = [pytest.mark.export, pytest.mark.workers]

ROOT = Path(__file__).parents[2]
ADAPTERS = str(Path(__file__).parent / "exporting_adapters")


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {case.id: case for case in load_specs(ROOT / "specs")}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, cases: dict[str, Case]) -> Iterator:
    """The outcomes of cases with an adapter, in its own process because each adapter uses another backend of Keras."""
    monkeypatch.setattr(sys, "path", [ADAPTERS, *sys.path])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([ADAPTERS, *filter(None, [os.environ.get("PYTHONPATH")])]))

    def outcomes(adapter: str, *case_ids: str) -> list[Outcome]:
        backend = ("torch",) if adapter == "keras-torch-open-onnxruntime" else ("tensorflow", "tf2onnx")
        for package in ("keras", "onnx", "onnxruntime", *backend):
            if find_spec(package) is None:
                pytest.skip(f"{package} is not installed")
        runner = Runner(adapter, VectorStore(ROOT / "vectors"), [], profiles=False)
        try:
            return [result.outcome for result in runner.results([cases[case_id] for case_id in case_ids])]
        finally:
            runner.close()

    return outcomes


def named(outcome: Outcome) -> list[tuple[str, ...]]:
    assert isinstance(outcome, Failed), outcome
    return [suspect.mistakes for suspect in outcome.suspects or ()]


def test_the_state_of_a_stateful_layer_is_in_what_is_exported(run):
    (outcome,) = run("keras-stateful-onnxruntime", "calls/no-states-forward")
    assert named(outcome) == [("state-baked-in-at-export",)]


def test_after_a_reset_it_starts_from_zeros(run):
    (outcome,) = run("keras-reset-onnxruntime", "calls/no-states-forward")
    assert isinstance(outcome, Passed), outcome


def test_on_pytorch_an_open_time_axis_is_one_step(run):
    one, many, reverse, bidirectional, stack, stream = run(
        "keras-torch-open-onnxruntime",
        *("cell/step-f32-both-states", "direction/plain-forward-f32", "direction/plain-reverse-f32"),
        *("direction/plain-bidirectional-f32", "stack/plain-layers3-forward-f32", "state/stream-unequal-f32"),
    )
    assert isinstance(one, Passed), one
    for outcome in (many, reverse, bidirectional, stack, stream):
        assert named(outcome) == [("only-first-step-computed",)]
