"""A vendor's afternoon: the suite's wheel in an empty environment, away from the checkout, and an adapter beside it.

Once with the package that `conformance new-adapter` writes, once with examples/vendor-adapter, an engine in C.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Environment:
    """A virtual environment, and an empty folder to stand in."""

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        self.bin = folder / "venv" / "bin"
        self.empty = folder / "empty"
        self.empty.mkdir()

    def run(self, *command: object, cwd: Path | None = None, code: int = 0) -> str:
        """The output of a program of the environment, which has to end with this code; nothing of ours in its way."""
        program, *arguments = map(str, command)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
        done = subprocess.run(
            [self.bin / program, *arguments],
            cwd=cwd or self.empty,
            env=clean | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, f"{program} {arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With the suite, from a wheel built here and now, and pytest."""
    folder = tmp_path_factory.mktemp("vendor")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, ROOT], check=True, cwd=folder)
    (wheel,) = folder.glob("lstm_conformance-*.whl")
    made = Environment(folder)
    # Golden values of cases made on demand are not in the wheel; whether the cache of the user has them is luck.
    made.run("python", "-m", "pip", "--quiet", "install", f"{wheel}[generate]", "pytest")
    return made


def test_the_suite_comes_from_the_wheel_with_its_specs_and_vectors(environment: Environment) -> None:
    place = environment.run("python", "-c", "import conformance.data as d; print(d.default_folders().vectors)").strip()
    assert Path(place).is_relative_to(environment.bin.parent)
    assert str(ROOT) not in environment.run("python", "-c", "import sys; print(sys.path)")
    assert (Path(place) / "MANIFEST.json").exists()


def scaffolded(environment: Environment, folder: Path) -> Path:
    said = environment.run("conformance", "new-adapter", "tide-2", "--into", folder / "package")
    assert re.findall(r"^    (.*)$", said, re.MULTILINE) == [
        f"cd {folder / 'package'}",
        "python -m pip install -e '.[test]'",
        "conformance smoke tide-2 --deviations deviations",
        "conformance run --adapter tide-2 --deviations deviations",
    ]
    return folder / "package"


def example(environment: Environment, folder: Path) -> Path:
    if shutil.which(os.environ.get("CC", "cc")) is None:
        pytest.skip("the example's engine needs a C compiler")
    ignored = shutil.ignore_patterns("build", "*.egg-info", "*.so", "__pycache__")
    return Path(shutil.copytree(ROOT / "examples" / "vendor-adapter", folder / "package", ignore=ignored))


@pytest.mark.parametrize(
    ("adapter", "package", "versions", "least"),
    [("tide-2", scaffolded, "tide-2-runtime 1.0", 100), ("brook", example, "brook 0.3", 130)],
)
def test_a_package_is_installed_and_runs(adapter, package, versions, least, environment, tmp_path):
    folder = package(environment, tmp_path)
    deviations = ("--deviations", folder / "deviations")
    environment.run("python", "-m", "pip", "--quiet", "install", f"{folder}[test]")
    assert environment.run("conformance", "doctor", "--adapter", adapter).split() == [
        adapter,
        *versions.split(),
        "on",
        "cpu",
    ]
    smoke = json.loads(environment.run("conformance", "smoke", adapter, *deviations, "--json"))
    assert {finding["outcome"] for finding in smoke["findings"]} == {"passed"}
    assert len(smoke["findings"]) >= 40
    results = tmp_path / "results.jsonl"
    environment.run("conformance", "run", "--adapter", adapter, *deviations, "-o", results)
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    outcomes = [line["outcome"] for line in lines if line["kind"] == "result"]
    assert outcomes.count("passed") > least
    assert outcomes.count("passed") + outcomes.count("unsupported") == len(outcomes) - (adapter == "brook")
    options = ("--lstm-suite", "--lstm-adapter", adapter, "--lstm-deviations", folder / "deviations")
    said = environment.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *options)
    assert f"{outcomes.count('passed')} passed, {outcomes.count('unsupported')} skipped" in said
    own = environment.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
    assert re.search(r"^2 passed in ", own, re.MULTILINE)


def test_what_the_example_knows_of_its_engine_is_so(environment: Environment, tmp_path: Path) -> None:
    """Without the deviation the run fails, with the mistake that is written down; the reproduction shows it."""
    folder = example(environment, tmp_path)
    environment.run("python", "-m", "pip", "--quiet", "install", folder)
    said = environment.run("conformance", "run", "--adapter", "brook", "--case", "not-finite/cell-clip", code=1)
    assert "looks like: nan-lost-in-clip (reproduces it" in said
    shown = environment.run("python", folder / "deviations" / "repro" / "cell_clip_nan.py")
    assert shown == "cell_clip  0.0: c nan, right: nan\ncell_clip 0.75: c 0.75, right: nan\n"
