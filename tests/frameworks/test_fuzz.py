"""A short campaign against onnxruntime: its known deviations are recognised, and found again where they are hidden."""

import json
from pathlib import Path

import pytest
from command_line import conformance

from conformance.fuzz.drawing import QUESTIONS

pytestmark = pytest.mark.onnx

FEW = ("fuzz", "--adapter", "onnxruntime", "--seed", 1, "-j", 1, "--json")


def test_known_deviations_are_recognised_and_found_again_where_they_are_hidden(tmp_path: Path) -> None:
    """Layer 74 of seed 1 leaves out the parameter of ThresholdedRelu."""
    part = (*FEW, "--from", 74 * QUESTIONS, "--cases", QUESTIONS)
    hidden = conformance(*part, "--no-deviations", "-o", tmp_path / "hidden")
    assert hidden.exit_code == 1, hidden.output
    findings = json.loads(hidden.stdout)["findings"]
    assert any("default-parameters-zero" in mistakes for each in findings for mistakes in each["mistakes"])
    script = (Path(findings[0]["folder"]) / "reproduce.py").read_text()
    assert "import onnxruntime" in script
    known = conformance(*part, "-o", tmp_path / "known")
    assert known.exit_code == 0, known.output
    assert json.loads(known.stdout)["known"] > 0
