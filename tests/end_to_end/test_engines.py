"""`conformance engines` with real environments, pip and npm, and an engine whose package is built here and now."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from conformance.results.reading import read_results

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "weir-engine"
version = "1.0"

[tool.hatch.build.targets.wheel]
packages = ["weir_engine"]
"""
ADAPTER = """\
import conformance
from conformance.adapters.numpy_reference import NumpyReference


class Weir(NumpyReference):
    name = "weir"

    def __init__(self, device="cpu"):
        super().__init__(device)
        import weir_engine
        self._found = {"weir-engine": weir_engine.version, "suite": conformance.__file__}

    @property
    def versions(self):
        return self._found | super().versions
"""
DRIVER = """\
import sys
from pathlib import Path

sys.argv[0] = "conformance"
from conformance.engines import table
table.ENGINES = (table.Engine("weir", ("weir",), 1, {home!r}, source=Path({source!r})),)
from conformance.cli import main
main()
"""
PINS = "weir-engine==1.0\nnumpy==1.26.4  # the suite itself is installed beside NumPy 2\n"


class World:
    """A folder in which the suite has one engine more, and an adapter for it that every interpreter finds."""

    def __init__(self, folder: Path, wheels: Path | None, home: str = "own") -> None:
        self.folder, self.engines = folder, folder / "engines"
        self.source = folder / "source"
        (self.source / "pins").mkdir(parents=True)
        self.pins = self.source / "pins" / "weir.txt"
        self.pins.write_text(PINS)
        info = folder / "path" / "lstm_weir-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lstm-weir\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[lstm_conformance.adapters]\nweir = lstm_weir:Weir\n")
        (folder / "path" / "lstm_weir.py").write_text(ADAPTER)
        (folder / "driver.py").write_text(DRIVER.format(home=home, source=str(self.source)))
        (folder / "temporary").mkdir()
        links = " ".join(filter(None, [str(wheels or ""), os.environ.get("PIP_FIND_LINKS")]))
        more = {"PIP_FIND_LINKS": links, "TMPDIR": str(folder / "temporary"), "PYTHONPATH": str(folder / "path")}
        self.environ = os.environ | more | {"CONFORMANCE_ENGINES": str(self.engines)}

    def start(self, *arguments: Any, **more: str) -> "subprocess.Popen[str]":
        # A shell's background jobs, and all that they start, are deaf to Ctrl-C unless they listen.
        listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        command = [sys.executable, "-c", f"{listening}exec(open('driver.py').read())", *map(str, arguments)]
        pipe = subprocess.PIPE
        environ = self.environ | more
        return subprocess.Popen(command, cwd=self.folder, env=environ, stdout=pipe, stderr=pipe, text=True)

    def run(self, *arguments: Any, **more: str) -> "subprocess.CompletedProcess[str]":
        with self.start(*arguments, **more) as process:
            stdout, stderr = process.communicate(timeout=400)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    @property
    def environments(self) -> list[Path]:
        return sorted(path for path in (self.engines / "weir").iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the engine's wheel."""
    source = tmp_path_factory.mktemp("wheels")
    (source / "weir_engine").mkdir()
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "weir_engine" / "__init__.py").write_text("version = '1.0'\n")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", source, source], check=True)
    return source


@pytest.fixture(scope="module")
def installed(
    wheels: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[World, "subprocess.CompletedProcess[str]"]:
    """A world in which the engine was installed, under constraints that forbid it, and what that said."""
    world = World(tmp_path_factory.mktemp("installed"), wheels)
    (world.folder / "mine.txt").write_text("numpy>=2\nweir-engine==9\n")
    return world, world.run("engines", "install", "weir", PIP_CONSTRAINT=str(world.folder / "mine.txt"))


@pytest.fixture
def world(wheels: Path, tmp_path: Path) -> World:
    """One in which nothing is installed."""
    return World(tmp_path, wheels)


def test_an_installed_engine_runs_in_its_environment_with_the_suite_of_here(installed):
    world, done = installed
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("weir is installed: ")
    assert "weir: making an environment\n" in done.stderr
    (environment,) = world.environments
    assert not list(environment.glob("lib/*/site-packages/*conformance*")), "it is lent, so that it never is an old one"
    ran = world.run("run", "--adapter", "weir", "--case", "cell/*", "-o", "weir.jsonl")
    assert ran.returncode == 0, (ran.stdout, ran.stderr)
    found = read_results(world.folder / "weir.jsonl")
    assert {record.outcome for record in found.records} == {"passed"}
    assert {"float16", "bfloat16", "float32", "float64"} <= {record.dtype for record in found.records}
    import conformance

    versions = {"weir-engine": "1.0", "suite": conformance.__file__, "numpy": "1.26.4"}
    assert found.header.adapters["weir"].versions == versions


def test_every_command_goes_there(installed):
    world, _ = installed
    assert "weir-engine 1.0" in world.run("doctor", "--adapter", "weir").stdout
    assert world.run("smoke", "weir", "--check", "class/*").returncode == 0
    asked = ["run", "--case", "cell/step-f32-both-states", "--adapter", "weir", "--timeout", "60", "--memory", "4"]
    assert world.run(*asked).returncode == 0
    listed = json.loads(world.run("engines", "list", "--json").stdout)
    assert [(each["problem"], each["environment"]) for each in listed] == [(None, str(world.environments[0]))]


def test_what_is_installed_is_not_installed_again(installed):
    world, _ = installed
    before = world.environments
    began = time.monotonic()
    done = world.run("engines", "install", "weir")
    assert (done.returncode, done.stdout) == (0, "weir is installed already\n")
    assert time.monotonic() - began < 15
    assert world.environments == before


def test_an_interpreter_that_vanished_is_told_and_made_again(installed, tmp_path):
    world, _ = installed
    (before,) = world.environments
    python = before / "bin" / "python"
    python.unlink()
    python.symlink_to(tmp_path / "python3")
    asked = ["run", "--case", "cell/step-f32-both-states", "--adapter", "weir"]
    told = world.run(*asked)
    assert told.returncode == 2
    assert told.stderr.startswith("weir: its interpreter was made from /")
    assert told.stderr.endswith(", which is gone; make it again: conformance engines install weir\n")
    done = world.run("engines", "install", "weir")
    assert done.returncode == 0, done.stderr
    assert world.environments != [before] and len(world.environments) == 1
    assert world.run(*asked).returncode == 0
    assert (world.run("engines", "remove", "weir").stdout, (world.engines / "weir").exists()) == (
        "weir is removed\n",
        False,
    )
    assert world.run("engines", "remove", "weir").stdout == "weir was not installed\n"


def test_what_pip_says_is_told_in_a_line_and_nothing_is_left(world):
    world.pins.write_text("weir-engine==9.9\nnumpy==1.26.4\n")
    done = world.run("engines", "install", "weir", PIP_NO_INDEX="1", PIP_EXTRA_INDEX_URL="")
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("weir cannot be installed: pip ended with exit code 1: ")
    assert "No matching distribution found for weir-engine==9.9" in last
    assert "Traceback" not in done.stderr
    assert (world.environments, list((world.folder / "temporary").iterdir())) == ([], [])
    assert world.run("doctor", "--adapter", "weir").stdout.split(maxsplit=1) == [
        "weir",
        "weir: not installed: conformance engines install weir\n",
    ]


@pytest.mark.parametrize(
    ("how", "seen"),
    [
        pytest.param(signal.SIGINT, "pyvenv.cfg", id="ctrl-c-environment", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "requirements.txt", id="ctrl-c-installing"),
        pytest.param(signal.SIGKILL, "lib/*/site-packages/pip", id="killed-giving-pip"),
        pytest.param(signal.SIGKILL, "requirements.txt", id="killed-installing", marks=pytest.mark.slow),
    ],
)
def test_an_installation_that_is_stopped_leaves_nothing_half(how, seen, world):
    """While the environment is made, while it is given pip, and while that installs."""
    with world.start("engines", "install", "weir") as process:
        until = time.monotonic() + 300
        while not list(world.engines.glob(f"weir/*/{seen}")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(how)
        if how == signal.SIGINT:
            _, stderr = process.communicate(timeout=60)
            assert process.returncode == 130, stderr
            assert "Traceback" not in stderr
            assert world.environments == []
        else:
            process.wait(60)
            assert len(world.environments) == 1
    assert "weir: not installed" in world.run("doctor", "--adapter", "weir").stdout
    world.pins.write_text("weir-engine==9.9\n")  # what is left goes first of all, whatever comes of the rest
    assert world.run("engines", "install", "weir", PIP_NO_INDEX="1", PIP_EXTRA_INDEX_URL="").returncode == 2
    assert world.environments == []


def test_two_installations_at_a_time_take_turns(world):
    with world.start("engines", "install", "weir") as first:
        while not world.engines.exists() or not list(world.engines.glob("weir/*/pyvenv.cfg")):
            assert first.poll() is None
            time.sleep(0.02)
        second = world.run("engines", "install", "weir")
        first.communicate(timeout=300)
    assert first.returncode == 0
    assert second.stdout == "weir is installed already\n"
    assert "weir: another process is installing; weir waits for it to end\n" in second.stderr


@pytest.fixture
def packages(tmp_path: Path) -> World:
    """A world whose engine is a package of Node.js, in a tarball, with its lock file."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not here")
    world = World(tmp_path, None, "npm")
    package = tmp_path / "weir-js"
    package.mkdir()
    (package / "package.json").write_text('{"name": "weir-js", "version": "1.0.0", "main": "index.js"}')
    (package / "index.js").write_text("exports.version = '1.0.0'\n")
    subprocess.run(["npm", "pack", "--silent", package], cwd=tmp_path, check=True, stdout=subprocess.PIPE)
    source = world.source / "weir"
    source.mkdir()
    dependencies = {"weir-js": f"file:{tmp_path / 'weir-js-1.0.0.tgz'}"}
    told = {"name": "weir", "private": True, "engines": {"node": ">=18"}, "dependencies": dependencies}
    (source / "package.json").write_text(json.dumps(told))
    npm = ["npm", "install", "--package-lock-only", "--silent", "--no-audit", "--no-fund"]
    subprocess.run(npm, cwd=source, check=True)
    return world


def test_packages_of_node_are_installed_by_their_lock_file(packages):
    done = packages.run("engines", "install", "weir")
    assert done.returncode == 0, done.stderr
    (environment,) = packages.environments
    program = "console.log(require('weir-js').version)"
    said = subprocess.run(["node", "-e", program], cwd=environment, capture_output=True, text=True, check=True)
    assert said.stdout == "1.0.0\n"
    assert packages.run("engines", "install", "weir").stdout == "weir is installed already\n"
    manifest = packages.source / "weir" / "package.json"
    manifest.write_text(manifest.read_text().replace('"dependencies": {', '"dependencies": {"sluice": "1.0.0", '))
    assert "installed for another version" in packages.run("engines").stdout
    done = packages.run("engines", "install", "weir")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("weir cannot be installed: npm ended with exit code 1: ")
    assert packages.environments == [environment], "what was there stays"
