"""How adapters and the places where they run are named, and what a place says that cannot be used."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from harness import gone

from conformance import __version__
from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.golden.store import VectorStore
from conformance.run import connection
from conformance.run.places import HERE, everywhere, parse_places
from conformance.run.process import Worker
from conformance.run.runner import Runner
from conformance.run.settings import RunSettings


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("torch", ("", "torch", "cpu")),
        ("torch@cuda:1", ("", "torch", "cuda:1")),
        ("old:torch", ("old", "torch", "cpu")),
        ("board-2:my.npu_x@npu", ("board-2", "my.npu_x", "npu")),
    ],
)
def test_a_label_has_a_name_and_may_have_a_place_and_a_device(text, parts):
    label = registry.parse(text)
    assert (label.place, label.name, label.device) == parts


@pytest.mark.parametrize("text", ["", "a:b:c", ":torch", "torch@", "two words", "torch\n", "a/b"])
def test_what_is_no_label_is_told_what_one_is(text):
    with pytest.raises(AdapterUnavailable, match=r"is not an adapter; give \[PLACE:\]NAME\[@DEVICE\], like torch"):
        registry.parse(text)


def test_a_place_is_an_interpreter_here_or_behind_ssh(tmp_path):
    spaced = tmp_path / "an interpreter"
    spaced.touch()
    places = parse_places(
        [f"old=python={spaced}", "board=ssh=-p 2222 me@10.0.0.7//python=/v/python//ssh_config=/c", "far=ssh=far"]
    )
    assert places["old"].gateway == f"popen//python='{spaced}'"
    assert places["board"].gateway.endswith(" -p 2222 me@10.0.0.7//python=/v/python//ssh_config=/c")
    assert places["far"].gateway.endswith(" far//python=python3")
    assert HERE.gateway == "popen"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["old"],
            "--worker old: needs PLACE=python=INTERPRETER or PLACE=ssh=HOST, like old=python=/opt/old/bin/python",
        ),
        (["=python=x"], "--worker =python=x: needs PLACE="),
        (["a b=python=x"], "--worker a b=python=x: needs PLACE="),
        (["old=pyton=x"], "--worker old=pyton=x: unknown key 'pyton'; allowed: python, ssh, ssh_config"),
        (["old=python="], "--worker old=python=: python needs a value; "),
        (["b=ssh=x//ssh=y"], "--worker b=ssh=x//ssh=y: duplicate key: 'ssh'"),
        (["a=python=x", "a=ssh=y"], "--worker a=ssh=y: there is already a place called a"),
    ],
)
def test_what_is_no_place_is_told_what_one_is(options, message):
    with pytest.raises(ConformanceError) as caught:
        parse_places(options)
    assert str(caught.value).startswith(message)


def test_a_label_names_a_place_that_there_is(tmp_path):
    message = (
        r"no place is called old \(there are new\); name it with --worker old=python=INTERPRETER or --worker old=ssh"
    )
    with pytest.raises(AdapterUnavailable, match=message):
        Runner("old:numpy", VectorStore(tmp_path), [], RunSettings(places=parse_places(["new=python=x"])))
    with pytest.raises(AdapterUnavailable, match="only a worker can go there"):
        registry.make("old:numpy")


def unusable(tmp_path: Path, script: str) -> str:
    """An interpreter that is none."""
    path = tmp_path / "python"
    path.write_text(f"#!{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_place_that_cannot_be_used_says_what_to_do(tmp_path):
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    another = tmp_path / "another"
    (another / "conformance").mkdir(parents=True)
    (another / "conformance" / "__init__.py").write_text("__version__ = '0.0.9'\n")
    python = f"{bare}/bin/python"
    install = f"install it with:\n  {python} -m pip install lstm-conformance=={__version__}"
    cases = {
        f"{tmp_path}/none": f"old: cannot start {tmp_path}/none: No such file or directory",
        unusable(tmp_path, "/bin/false"): f"old: {tmp_path}/python does not answer: exit code 1",
        python: f"old: has no lstm-conformance, needs {__version__} like this interpreter; {install}",
    }
    for interpreter, message in cases.items():
        places = parse_places([f"old=python={interpreter}"])
        with pytest.raises(AdapterUnavailable) as caught:
            Worker("old:numpy", RunSettings(places=places))
        assert str(caught.value) == message
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(another))
        with pytest.raises(AdapterUnavailable, match=r"old: has lstm-conformance 0\.0\.9, needs "):
            Worker("old:numpy", RunSettings(places=parse_places([f"old=python={python}"])))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the interpreter is a shell script, and looked for in /proc")
@pytest.mark.parametrize("waits", [True, False], ids=["waits-for-it", "does-not-wait"])
def test_a_worker_that_is_closed_while_its_interpreter_starts_does_not_outlive_that(waits, tmp_path, monkeypatch):
    """Whether or not it starts while it is waited for; a host may take its time to answer."""
    slow, pid, go = tmp_path / "slow", tmp_path / "pid", tmp_path / "go"
    stay = f"echo $$ > {pid}.new && mv {pid}.new {pid} && while [ ! -e {go} ]; do sleep 0.02; done"
    slow.write_text(f'#!/bin/sh\nif [ "$1" = -u ]; then {stay}; fi\nexec {sys.executable} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setattr(connection, "_EXIT_SECONDS", 60.0 if waits else 0.1)
    worker = Worker("slow:numpy", RunSettings(places=parse_places([f"slow=python={slow}"])), ready=False)
    until = time.monotonic() + 20
    while not pid.exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    if waits:
        threading.Timer(0.2, go.touch).start()
    worker.close()
    assert go.exists() == waits
    go.touch()
    assert gone(int(pid.read_text()), 0.0 if waits else 10.0)


def test_a_place_names_its_own_adapters(broken_adapters):
    places = parse_places([f"same=python={sys.executable}"])
    there = registry.available()
    assert everywhere(places) == [*there, *(f"same:{name}" for name in places["same"].installed)]
    assert set(places["same"].installed) <= set(there)
    with pytest.raises(AdapterUnavailable, match=r"^same: no adapter 'nunpy'; did you mean 'numpy'\? installed: "):
        Worker("same:nunpy", RunSettings(places=places))
    with pytest.raises(
        AdapterUnavailable, match=r"^same: constructor-raises cannot load: RuntimeError: driver too old$"
    ):
        Worker("same:constructor-raises", RunSettings(places=places))
