"""Every known deviation names a reproduction that still shows it, and patterns that name cases of the suite."""

import fnmatch
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from conformance.adapters import registry
from conformance.case.load import load_specs
from conformance.run.deviations import idle, load_deviations

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "deviations").glob("*.yaml"))
ALL = [(path.stem, d) for path in FILES for d in load_deviations(ROOT / "deviations", path.stem)]
IDS = [case.id for case in load_specs(ROOT / "specs")]
REPROS = sorted({d.repro for _, d in ALL if d.repro})


def test_there_are_deviations_to_check():
    assert len(ALL) >= 5


@pytest.mark.parametrize(
    ("adapter", "deviation"), ALL, ids=lambda v: v if isinstance(v, str) else v.where.split("/")[-1]
)
def test_every_pattern_names_a_case_and_every_entry_its_proof(adapter, deviation):
    assert adapter in registry.names()
    assert deviation.mistake
    assert deviation.repro
    assert (ROOT / deviation.repro).exists()
    for pattern in deviation.cases:
        assert any(fnmatch.fnmatchcase(case_id, pattern) for case_id in IDS), f"{pattern} names no case"


@pytest.mark.parametrize("adapter", [path.stem for path in FILES])
def test_every_package_of_a_version_range_is_one_that_the_adapter_reports(adapter):
    words = [sys.executable, "-c", "from conformance.cli import main; main()", "doctor", "--adapter", adapter, "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    (found,) = json.loads(done.stdout)
    if found["problem"]:
        pytest.skip(found["problem"])
    assert idle(load_deviations(ROOT / "deviations", adapter), adapter, found["versions"], IDS) == []


def packages(script):
    """The packages a reproduction imports, told from its text."""
    text = (ROOT / script).read_text()
    lines = [line.split() for line in text.splitlines()]
    modules = {words[1].split(".")[0] for words in lines if len(words) > 1 and words[0] in ("import", "from")}
    chosen = {line.split('"')[3] for line in text.splitlines() if line.startswith('os.environ["KERAS_BACKEND"]')}
    if "export(" in text and "keras" in modules:
        chosen.add("tf2onnx")
    if "onnxruntime_step" in modules:
        modules |= {"onnx", "onnxruntime"}
    if "onnx_lstm" in modules:
        modules.add("onnx")
    if "dynamo=True" in text:
        chosen.add("onnxscript")
    known = {"ai_edge_litert", "onnx", "onnxruntime", "openvino", "torch", "keras", "jax", "tensorflow"}
    return (modules & known) | chosen


@pytest.mark.parametrize("script", REPROS, ids=lambda s: Path(s).stem)
def test_reproductions_show_what_they_say(script):
    for package in sorted(packages(script)):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    done = subprocess.run(
        [sys.executable, Path(script).name],
        cwd=(ROOT / script).parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
