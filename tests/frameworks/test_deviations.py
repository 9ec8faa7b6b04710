"""The reproduction scripts that the known deviations name still show them."""

import functools
import json
import subprocess
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest
from agreement import adapter_of, folder_of_packages, marks_of
from preloaded import Preloaded

from conformance.engines.table import engine_of
from conformance.results.deviations import idle, load_deviations

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "deviations").glob("*.yaml"))
ALL = [(path.stem, d) for path in FILES for d in load_deviations(ROOT / "deviations", path.stem)]
REPROS = sorted({d.repro for _, d in ALL if d.repro})


def marks(script):
    """The marks of all adapters whose deviations the script shows."""
    adapters = {adapter for adapter, deviation in ALL if deviation.repro == script}
    return [mark for adapter in sorted(adapters) for mark in marks_of(adapter)]


@pytest.mark.parametrize("adapter", [pytest.param(path.stem, marks=marks_of(path.stem)) for path in FILES])
def test_every_package_of_a_version_range_is_one_that_the_adapter_reports(adapter):
    engine = engine_of(adapter)
    elsewhere = engine is not None and engine.home != "shared"
    versions = versions_elsewhere(adapter) if elsewhere else adapter_of(adapter).versions
    assert idle(load_deviations(ROOT / "deviations", adapter), adapter, versions, None) == []


def versions_elsewhere(adapter):
    """The versions of an adapter that has a place of its own."""
    words = [sys.executable, "-c", "from conformance.cli import main; main()", "doctor", "--adapter", adapter, "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    (found,) = json.loads(done.stdout)
    if found["problem"]:
        pytest.skip(found["problem"])
    return found["versions"]


def backend(script):
    """The backend of Keras that a reproduction chooses; None if it leaves that open."""
    lines = (ROOT / script).read_text().splitlines()
    chosen = [line.split('"')[3] for line in lines if line.startswith('os.environ["KERAS_BACKEND"]')]
    return chosen[0] if chosen else None


def imports(script):
    """The modules that a reproduction imports, according to its text, in their order."""
    lines = [line.split() for line in (ROOT / script).read_text().splitlines()]
    return [words[1].split(".")[0] for words in lines if len(words) > 1 and words[0] in ("import", "from")]


def packages(script):
    """The packages that a reproduction needs."""
    text, modules = (ROOT / script).read_text(), set(imports(script))
    chosen = {backend(script)} - {None}
    if "export(" in text and "keras" in modules:
        chosen.add("tf2onnx")
    if "onnxruntime_step" in modules:
        modules |= {"onnx", "onnxruntime"}
    if "onnx_lstm" in modules:
        modules.add("onnx")
    if "dynamo=True" in text:
        chosen.add("onnxscript")
    of_engines = {"opencv_net": "cv2", "tract_run": "tract", "iree_run": "iree", "mnn_run": "MNN", "ncnn_net": "ncnn"}
    of_engines["torch_litert_call"] = "litert_torch"
    chosen |= {package for module, package in of_engines.items() if module in modules}
    known = {"ai_edge_litert", "onnx", "onnxruntime", "openvino", "torch", "keras", "jax", "tensorflow"}
    known |= {"tflite_micro", "paddle", "paddle2onnx"}
    known |= {"flax", "haiku", "equinox"}
    known |= {"paddle", "mlx", "mindspore", "tinygrad"}
    return (modules & known) | chosen


SLOW = {"jax", "keras", "tensorflow", "torch"}
"""Packages that take seconds to import."""


@pytest.fixture(scope="module")
def preloaded():
    """The process that has imported some packages, for a backend of Keras."""
    with ExitStack() as stack:

        @functools.cache
        def started(imported, chosen):
            return stack.enter_context(Preloaded(imported, {"KERAS_BACKEND": chosen} if chosen else {}))

        yield started


@pytest.mark.workers
@pytest.mark.parametrize("script", [pytest.param(each, marks=marks(each), id=Path(each).stem) for each in REPROS])
def test_reproductions_show_what_they_say(script, preloaded, tmp_path):
    for package in sorted(packages(script)):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    if slow := tuple(module for module in imports(script) if module in SLOW):
        output = tmp_path / "output"
        code = preloaded(slow, backend(script)).run(ROOT / script, output)
        assert code == 0, output.read_text()
        return
    words, folder = [sys.executable, Path(script).name], (ROOT / script).parent
    if script.endswith(".mjs"):  # read from standard input, it finds the packages in the folder where it runs
        words, folder = ["node", "--input-type=module"], folder_of_packages("javascript")
    done = subprocess.run(
        words,
        input=(ROOT / script).read_text(),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
