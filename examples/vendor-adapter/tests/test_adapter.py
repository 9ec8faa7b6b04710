"""The adapter is sound. Whether the engine is right is what the cases ask: pytest tests --lstm-suite."""

from pathlib import Path

import pytest

from conformance.adapters.registry import make
from conformance.case.errors import AdapterUnavailable
from conformance.results.deviations import load_deviations
from conformance.run.smoke import Smoke

DEVIATIONS = Path(__file__).parents[1] / "deviations"


def test_smoke():
    smoke = Smoke("brook", load_deviations(DEVIATIONS, "brook"))
    failed = [finding.message() for finding in smoke.findings() if finding.outcome == "failed"]
    assert not failed, "\n\n".join(["", *failed])


def test_it_says_which_devices_there_are():
    with pytest.raises(AdapterUnavailable, match="brook has no device 'nowhere'; it has"):
        make("brook@nowhere")
