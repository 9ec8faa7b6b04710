"""`conformance upgrade` with real environments and real pip: a vendor's package in two versions, built here and now."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from harness import COMMAND

import conformance
from conformance.cli import main
from conformance.results.reading import read_results

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "lstm-weir"
version = "{version}"
dependencies = ["lstm-conformance", "six"]

[project.entry-points."lstm_conformance.adapters"]
weir = "weir:Weir"

[tool.hatch.build.targets.wheel]
packages = ["weir"]
"""
"""It needs the suite, as an adapter's package does: pip must find the suite there and look for it nowhere else."""

ADAPTER = """\
from dataclasses import replace
from importlib.metadata import version

import six  # what a package needs comes with it

from conformance.adapters.numpy_reference import NumpyReference


class Weir(NumpyReference):
    name = "weir"

    @property
    def versions(self):
        return {{"lstm-weir": version("lstm-weir")}}

    def prepare(self, case, weights):
        if not {ignores_lengths}:
            return super().prepare(case, weights)
        model = super().prepare(case.model_copy(update={{"lengths": None}}), weights)
        return lambda inputs: model(replace(inputs, lengths=None))
"""
CASES = ("--case", "cell/step-f32*", "--case", "lengths/unsorted-forward-f[36]*")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with weir 1.0, which is right, and weir 2.0, which runs every row over all steps."""
    folder = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "2.0"):
        source = folder / version
        (source / "weir").mkdir(parents=True)
        (source / "pyproject.toml").write_text(PYPROJECT.format(version=version))
        (source / "weir" / "__init__.py").write_text(ADAPTER.format(ignores_lengths=version == "2.0"))
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, source], check=True)
    return folder


@pytest.fixture
def environ(wheels: Path, tmp_path: Path) -> dict[str, str]:
    """pip finds the wheels; what is temporary goes to a folder of its own, where it can be seen to be gone."""
    (tmp_path / "temporary").mkdir()
    links = " ".join(filter(None, [str(wheels), os.environ.get("PIP_FIND_LINKS")]))
    return os.environ | {"PIP_FIND_LINKS": links, "TMPDIR": str(tmp_path / "temporary")}


def upgrade(*arguments: Any, environ: dict[str, str], cwd: Path) -> "subprocess.Popen[str]":
    # A shell's background jobs, and all that they start, are deaf to Ctrl-C unless they listen.
    listening = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {COMMAND}"
    command = [sys.executable, "-c", listening, "upgrade", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, env=environ, stdout=pipe, stderr=pipe, text=True)


def ended(*arguments: Any, environ: dict[str, str], cwd: Path) -> "subprocess.CompletedProcess[str]":
    with upgrade(*arguments, environ=environ, cwd=cwd) as process:
        stdout, stderr = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def installed(environment: Path) -> dict[str, str]:
    """Package -> version, by the environment's own account."""
    pip = [environment / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "list", "--format", "json"]
    said = subprocess.run(pip, check=True, capture_output=True, text=True).stdout
    return {entry["name"]: entry["version"] for entry in json.loads(said)}


@pytest.fixture(scope="module")
def kept(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, "subprocess.CompletedProcess[str]"]:
    """The folder of an upgrade from what the constraints say to a wheel, and what it said.

    The constraints say 1.0, and which six is to come with it.
    """
    folder = tmp_path_factory.mktemp("upgrade")
    (folder / "pins.txt").write_text("lstm-weir==1.0  # the one in use\n")
    (folder / "more.txt").write_text("LSTM_weir==1.0\nsix==1.16.0\n")
    links = " ".join(filter(None, [str(wheels), os.environ.get("PIP_FIND_LINKS")]))
    environ = os.environ | {"PIP_FIND_LINKS": links, "PIP_CONSTRAINT": str(folder / "pins.txt")}
    options = ("-c", folder / "more.txt", "--keep", "kept", "--junit", "gate.xml")
    (after,) = wheels.glob("lstm_weir-2.0-*.whl")
    return folder, ended("lstm-weir", after, *CASES, *options, environ=environ, cwd=folder)


def test_the_adapter_is_found_and_what_got_worse_closes_the_gate(kept):
    _, done = kept
    assert done.returncode == 1, done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first == "lstm-weir 1.0 -> 2.0"
    rows = [line for line in done.stdout.splitlines() if line.startswith("│newly failing")]
    assert [row.split("│")[2].strip() for row in rows] == ["weir"] * 2
    assert all("lengths/unsorted-forward-f" in row and "looks like lengths-ignored" in row for row in rows)
    compared = len(read_results(kept[0] / "kept" / "after.jsonl").records)
    assert last == f"{compared} results compared: 2 newly failing. The gate is closed."


def test_each_side_has_its_version_the_constraints_hold_for_all_else_and_the_suite_is_this_one(kept):
    folder, _ = kept
    for side, version in (("before", "1.0"), ("after", "2.0")):
        packages = installed(folder / "kept" / side)
        assert (packages["lstm-weir"], packages["six"]) == (version, "1.16.0")
        assert packages["lstm-conformance"] == conformance.__version__
        assert not list((folder / "kept" / side).rglob("*.safetensors")), "golden values stay with the judge"
        results = read_results(folder / "kept" / f"{side}.jsonl")
        assert results.complete
        assert results.header.adapters[f"{side}:weir"].versions == {"lstm-weir": version}
    assert {path.name for path in folder.iterdir()} == {"pins.txt", "more.txt", "kept", "gate.xml"}


def test_what_was_kept_is_gated_again_the_other_way_round(kept):
    folder, _ = kept
    after, before = folder / "kept" / "after.jsonl", folder / "kept" / "before.jsonl"
    done = CliRunner().invoke(main, ["gate", str(after), str(before)])
    assert done.exit_code == 0
    assert done.output.endswith("2 newly passing. The gate is open.\n")


def test_a_folder_that_has_been_used_is_not_written_over(kept):
    folder, _ = kept
    done = CliRunner().invoke(main, ["upgrade", "lstm-weir==1.0", "lstm-weir==2.0", "--keep", str(folder / "kept")])
    assert done.exit_code == 2
    assert f"{folder / 'kept' / 'before'} already exists" in done.stderr


def test_what_pip_says_is_shown_and_nothing_is_left(environ, tmp_path):
    done = ended("lstm-weir==9.9", "lstm-weir==1.0", environ=environ, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "pip cannot install" in done.stderr
    assert "No matching distribution found for lstm-weir==9.9" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("seen", ["before/pyvenv.cfg", "before/constraints.txt", "before.jsonl"])
def test_ctrl_c_ends_it_and_leaves_nothing(seen, environ, tmp_path):
    """While the environment is made, while pip installs into it, and while cases run."""
    temporary = tmp_path / "temporary"
    with upgrade("lstm-weir==1.0", "lstm-weir==2.0", "--adapter", "weir", environ=environ, cwd=tmp_path) as process:
        until = time.monotonic() + 200
        while not list(temporary.glob(f"conformance-upgrade-*/{seen}")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        at = time.monotonic()
        _, stderr = process.communicate(timeout=60)
    assert time.monotonic() - at < 20
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert "--resume" not in stderr, "it has no such option"
    assert list(temporary.iterdir()) == []
    commands = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True).stdout
    assert str(temporary) not in commands
