"""Smoke with options in other surroundings: one that gets lost in only one of them is found there, and named."""

import importlib
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from conformance.adapters.capabilities import Capabilities
from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.results.deviations import Deviation
from conformance.run.messages import Answer, Ask
from conformance.run.smoke import Smoke
from conformance.run.smoke.asker import Asker
from conformance.run.smoke.checking import problem_of
from conformance.run.smoke.crossed import checks
from conformance.run.smoke.questions import Check
from conformance.run.worker import answer

UNSOUND = Path(__file__).parent / "unsound_adapters"
EVERYTHING = NumpyReference.capabilities

PLACES = ("calls", "blocks", "lengths", "reverse", "second-direction")
LOST = {
    "bias": "",  # where no option is given, it is lost all the same
    "forget_bias": "forget_bias",
    "peephole": "peepholes (new-cell)",
    "output_peephole": "peepholes (previous-cell)",
    "gate_clip": "gate_clip (gates)",
    "cell_clip": "cell_clip",
    "projection_clip": "projection_clip",
    "projection_bias": "projection",
    "coupling": "coupling input=1-forget",
    "layer_norm": "layer_norm nnapi",
    "activations": "other activations",
}
"""What the adapter loses -> what smoke calls it."""


@pytest.fixture(scope="module")
def paths() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(UNSOUND), *sys.path])
        patch.setenv("PYTHONPATH", os.pathsep.join([str(UNSOUND), os.environ.get("PYTHONPATH", "")]))
        yield importlib.import_module("lstm_unsound_paths")


@pytest.fixture(scope="module")
def crossed() -> list[Check]:
    """The checks of an interface that has everything."""
    return list(checks(EVERYTHING))


class Here:
    """An adapter in this process, asked as its worker asks it."""

    def __init__(self, adapter: Any) -> None:
        self.adapter = adapter
        self.asked: list[str] = []

    def ask(self, case: Case, arrays: Arrays, timeout: float) -> Answer:
        self.asked.append(case.model_dump_json())
        return answer(self.adapter, Ask.of(case, arrays, timeout))


@pytest.mark.parametrize(
    ("what", "place"),
    [  # each option and each surrounding twice or more, all of them in the slow tests
        pytest.param(what, place, marks=() if (number + turn) % 5 in (0, 2) else pytest.mark.slow)
        for number, what in enumerate(LOST)
        for turn, place in enumerate(PLACES)
    ],
)
def test_an_option_that_is_lost_in_one_surrounding_is_found_there_and_named(paths, crossed, what, place):
    asker = Asker(lambda: Here(paths.Losing(f"{what}-in-{place}")), 1.0)
    found = [check for check in crossed if check.id.startswith(f"crossed/{place}") and problem_of(check, asker)]
    assert found
    alone = {part.about for check in found for part in check.parts if problem_of(part, asker)}
    assert (LOST[what] or "the plain layer") in alone
    if LOST[what]:
        assert "the plain layer" not in alone


def test_the_finding_names_only_what_is_lost(paths):
    label = "unsound-paths@forget_bias-in-blocks"
    (finding,) = [each for each in Smoke(label, patterns=("crossed/*",)).findings() if each.outcome != "passed"]
    assert finding.outcome == "failed"
    assert finding.text.startswith("forget_bias must act in every block of a sequence as in the whole, but y, ")
    assert finding.message().splitlines()[-1] == f"  again: conformance smoke {label} --check crossed/blocks"


@pytest.mark.slow
def test_what_is_known_of_the_option_that_is_lost_is_no_news(paths):
    label = "unsound-paths@forget_bias-in-reverse"
    for mistake, outcome in (("forget-bias-ignored", "known"), ("peephole-ignored", "failed")):
        known = [Deviation(cases=("*",), mistake=(mistake,), reason="is known", versions={"numpy": ">1"})]
        smoke = Smoke(label, known, ("crossed/reverse",))
        assert [finding.outcome for finding in smoke.findings()] == [outcome]


@pytest.mark.parametrize(
    ("capabilities", "surroundings"),
    [
        (Capabilities(), {"calls", "blocks"}),
        (replace(EVERYTHING, blocks=False), set(PLACES) - {"blocks"}),
        (replace(EVERYTHING, lengths="none"), set(PLACES) - {"lengths"}),
        (replace(EVERYTHING, lengths="common", min_length=2), set(PLACES)),
        (replace(EVERYTHING, directions=frozenset({"forward", "bidirectional"})), set(PLACES) - {"reverse"}),
        (replace(EVERYTHING, directions=frozenset({"reverse"})), {"calls"}),
        (replace(EVERYTHING, max_steps=1), {"calls", "reverse", "second-direction"}),
    ],
)
def test_only_the_surroundings_that_an_interface_has_are_tried(capabilities, surroundings):
    tried = {check.id.split("/")[1] for check in checks(capabilities)}
    assert {name for name in PLACES if name in tried} == surroundings


def test_a_sound_adapter_is_asked_about_many_options_at_once(crossed):
    here = Here(NumpyReference())
    asker = Asker(lambda: here, 1.0)
    assert [check.id for check in crossed if problem_of(check, asker)] == []
    toggles = sum(len(check.parts) - 1 for check in crossed)
    assert len(here.asked) <= 2 * len(crossed) < toggles


@pytest.mark.slow
@pytest.mark.parametrize(("refused", "outcomes"), [("forget_bias", {"passed"}), ("lengths", {"refused"})])
def test_an_option_that_is_refused_hides_no_other_and_a_surrounding_that_is_refused_is_told(paths, refused, outcomes):
    found = list(Smoke(f"unsound-paths@refuses-{refused}", patterns=("crossed/lengths*",)).findings())
    assert {finding.outcome for finding in found} == outcomes
