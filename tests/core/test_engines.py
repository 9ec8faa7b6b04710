"""The table of engines, what is said of those that are not installed, and what cannot be installed."""

import json
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from command_line import conformance

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable
from conformance.engines import requirements, state, table
from conformance.engines.table import Engine
from conformance.run import installing
from conformance.run.places import HERE
from conformance.run.settings import RunSettings

SHARED, OWN, NPM = "shared", "own", "npm"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of engines."""
    monkeypatch.setenv(state.FOLDER_VARIABLE, str(tmp_path / "engines"))
    return tmp_path / "engines"


@pytest.fixture
def engines(folder, tmp_path, monkeypatch):
    """An engine of each kind, none installed. The first belongs to an extra that exists, of a package that does not."""
    (tmp_path / "pins").mkdir()
    (tmp_path / "pins" / "weir.txt").write_text("# of weir\nlstm-weir==1.0  # itself\nnumpy==1.26.4\n")
    (tmp_path / "sluice").mkdir()
    (tmp_path / "sluice" / "package.json").write_text('{"name": "sluice", "engines": {"node": ">=18.1"}}')
    (tmp_path / "sluice" / "package-lock.json").write_text("{}")
    rows = (
        Engine("lock", ("import-fails",), 12),
        Engine("weir", ("weir", "weir-static"), 1234, OWN, source=tmp_path),
        Engine("sluice", ("sluice",), 56, NPM, source=tmp_path),
    )
    monkeypatch.setattr(table, "ENGINES", rows)
    of_extra = requirements.of_extra
    lock = [requirements.Requirement("a-package-nobody-has>=2")]
    monkeypatch.setattr(requirements, "of_extra", lambda extra: lock if extra == "lock" else of_extra(extra))
    return {engine.name: engine for engine in rows}


def record(engine: Engine, folder: Path, **changed: object) -> Path:
    """An environment that claims to be complete; the interpreter is this one."""
    environment = folder / engine.name / "0a1b2c3d"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(sys.executable)
    told = {"made_from": engine.digest, "environment": environment.name, "seconds": 1.5, "mebibytes": 2.5}
    told |= {"interpreter": os.path.realpath(sys.executable)} | changed
    (folder / engine.name / "installed.json").write_text(json.dumps(told))
    return environment


def test_each_adapter_of_an_engine_is_in_one_row_and_each_row_has_what_it_installs():
    entries = [entry for entry in entry_points(group=registry.GROUP) if entry.module.startswith("conformance.engines.")]
    listed = [name for engine in table.ENGINES for name in engine.adapters]
    assert sorted(listed) == sorted(entry.name for entry in entries)
    for engine in table.ENGINES:
        assert engine.mebibytes > 0
        assert (engine.extra in requirements.extras()) == (engine.home == SHARED), engine.name
        assert all(path.is_file() for path in engine.files), engine.name
        if engine.home == OWN:
            assert all("==" in line for line in engine.pins), f"{engine.name}: pin every package"
    shipped = {path.stem for path in (Path(table.__file__).parent / "pins").glob("*.txt")}
    assert shipped == {engine.name for engine in table.ENGINES if engine.home == OWN}


def test_an_engine_that_is_not_installed_says_how_it_is(engines):
    assert {name: state.missing(engine) for name, engine in engines.items()} == {
        "lock": "not installed: pip install 'lstm-conformance[lock]'",
        "weir": "not installed: conformance engines install weir",
        "sluice": "not installed: conformance engines install sluice",
    }


def test_an_engine_of_which_this_interpreter_has_the_packages_is_used_here(engines, monkeypatch):
    numpy = [requirements.Requirement("numpy>=2")]
    monkeypatch.setattr(requirements, "of_extra", lambda extra: numpy)
    assert state.missing(engines["lock"]) is None
    (engines["weir"].source / "pins" / "weir.txt").write_text("numpy==1.26.4\n")
    assert state.missing(engines["weir"]) is None
    assert RunSettings().place_of("weir") is HERE


def test_an_adapter_of_an_engine_with_an_environment_runs_there(engines, folder):
    python = record(engines["weir"], folder) / "bin" / "python"
    assert state.missing(engines["weir"]) is None
    place = RunSettings().place_of("weir-static@cpu")
    assert place.gateway == f"popen//python={python}"
    assert place.option == ()
    assert RunSettings().place_of("numpy") is HERE
    assert RunSettings().place_of("./weir.py:Weir") is HERE


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"made_from": "0" * 64}, "was installed for another version of lstm-conformance; install it again: "),
        ({"interpreter": "/opt/python3.9"}, "its interpreter was made from /opt/python3.9, which is gone; make it "),
        ({"environment": "ffffffff"}, "not installed: "),
        ({"environment": 7, "more": 8}, "not installed: "),
    ],
)
def test_an_environment_that_does_not_fit_is_not_used(changed, problem, engines, folder):
    record(engines["weir"], folder, **changed)
    with pytest.raises(AdapterUnavailable) as caught:
        RunSettings().place_of("weir")
    assert str(caught.value).startswith(f"weir: {problem}")
    assert str(caught.value).endswith(": conformance engines install weir")


def test_an_environment_whose_python_vanished_is_not_used(engines, folder):
    python = record(engines["weir"], folder) / "bin" / "python"
    python.unlink()
    python.symlink_to("/no/such/python3")
    with pytest.raises(AdapterUnavailable, match=r"which is gone; make it again: conformance engines install weir$"):
        RunSettings().place_of("weir")


def test_the_list_says_what_is_installed(engines, folder):
    record(engines["weir"], folder)
    done = conformance("engines")
    assert [line.split(maxsplit=3) for line in done.output.splitlines()[1:-1]] == [
        ["lock", "not", "installed", "12  import-fails"],
        ["pip", "install", "'lstm-conformance[lock]'"],
        ["weir", "installed", "1,234", "weir, weir-static"],
        ["sluice", "not", "installed", "56  sluice"],
        ["conformance", "engines", "install", "sluice"],
    ]
    assert done.output.splitlines()[-1] == f"1 of 3 engines are installed; in places of their own: {folder}"
    told = json.loads(conformance("engines", "list", "--json").output)
    assert [each["environment"] for each in told] == [None, str(folder / "weir" / "0a1b2c3d"), None]
    assert [each["problem"] is None for each in told] == [False, True, False]


def test_another_folder_can_be_named(engines, folder, tmp_path, monkeypatch):
    assert conformance("engines", "--folder", tmp_path / "other").output.endswith(f"own: {tmp_path / 'other'}\n")
    monkeypatch.delenv(state.FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert conformance("engines").output.endswith(f"own: {tmp_path / 'data' / 'lstm-conformance' / 'engines'}\n")


def test_a_run_of_everything_leaves_out_what_is_not_installed_and_says_so_in_a_line(suite, engines, two_adapters):
    done = conformance("run", *suite.folders, "--case", "tiny/plain-f64")
    assert done.exit_code == 0
    assert done.output.splitlines()[0] == "not here: 3 engines; see: conformance engines"
    assert "import-fails" not in done.output


def test_a_run_of_what_is_not_installed_says_how_it_is(suite, engines, two_adapters):
    done = conformance("run", *suite.folders, "--case", "tiny/plain-f64", "--adapter", "import-fails")
    assert done.exit_code == 2
    assert done.stderr == (
        "import-fails cannot load: No module named 'a_framework_nobody_has'"
        "; not installed: pip install 'lstm-conformance[lock]'\n"
    )


def test_doctor_does_not_try_what_is_not_installed(engines, two_adapters):
    done = conformance("doctor")
    assert "import-fails                   not installed: pip install 'lstm-conformance[lock]'\n" in done.output


def test_a_debugger_cannot_be_taken_to_another_environment(suite, engines, folder):
    python = record(engines["weir"], folder) / "bin" / "python"
    done = conformance("run", *suite.folders, "--adapter", "weir", "--in-process")
    assert done.exit_code == 2
    assert done.stderr == f"weir runs in {python}; --in-process cannot go there\n"


def test_pip_alone_changes_the_environment_that_is_shared(engines):
    for what in ("install", "remove"):
        done = conformance("engines", what, "weir", "lock")
        assert done.exit_code == 2
        assert done.stderr == (
            "lock shares the environment of lstm-conformance, where pip installs and removes it: "
            "pip install 'lstm-conformance[lock]'\n"
        )
    assert not state.folder().exists()


def test_an_unknown_engine_is_told_those_there_are(engines):
    done = conformance("engines", "install", "wier")
    assert done.exit_code == 2
    assert done.stderr == "there is no engine 'wier'; did you mean 'weir'? There are: lock, weir, sluice\n"


def test_without_room_on_the_disk_nothing_is_begun(engines, folder, monkeypatch):
    monkeypatch.setattr(installing.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 100 * 2**20}))
    done = conformance("engines", "install", "weir")
    assert done.exit_code == 2
    assert done.stderr == (
        f"weir cannot be installed: the disk is too full: {folder} has 100 MiB left, weir takes about 1,234 MiB; "
        "make room, or name another folder with --folder\n"
    )
    assert list((folder / "weir").iterdir()) == []


def tool(folder: Path, name: str, prints: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho {prints}\n")
    (folder / name).chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="the tools are shell scripts")
def test_without_node_or_with_an_old_one_npm_is_not_begun(engines, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    need = "sluice needs Node.js >=18.1 with npm; "
    assert conformance("engines", "install", "sluice").stderr.startswith(f"{need}no node is on the PATH: install it")
    tool(tmp_path / "bin", "node", "v18.0.3")
    assert conformance("engines", "install", "sluice").stderr.startswith(f"{need}no npm is on the PATH: install it")
    tool(tmp_path / "bin", "npm", "")
    python_path = f"{need}{tmp_path / 'bin' / 'node'} is 18.0.3: install a newer one\n"
    assert conformance("engines", "install", "sluice").stderr == python_path


def test_the_end_of_what_pip_says_is_told_in_a_line():
    offline = ["WARNING: Retrying (Retry(total=0)) after connection broken by 'x': /simple/weir/",
               "ERROR: Could not find a version that satisfies the requirement weir==1.0 (from versions: none)",
               "ERROR: No matching distribution found for weir==1.0"]  # fmt: skip
    assert installing._end(offline) == (
        "Could not find a version that satisfies the requirement weir==1.0 (from versions: none) "
        "No matching distribution found for weir==1.0 (the package index could not be reached)"
    )
    assert installing._end(["npm error code ENOENT", "npm error Missing: a"]) == "code ENOENT Missing: a"
    assert installing._end(["killed"]) == "killed"
    assert installing._end([]) == "it said nothing"
