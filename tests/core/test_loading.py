"""An adapter that cannot be loaded says why, each in one line of its own; whatever it does, nothing waits for it."""

import json

import pytest
from click.testing import CliRunner, Result

from conformance.cli import main
from conformance.run.settings import RunSettings
from conformance.views.doctor import examine

REINSTALL = "; if it was renamed, reinstall its package (pip install) to update its entry points"
VERSIONS = "it must be a dict from each package that computes to its version, both text, like {'acme-runtime': '1.0'}"

SAYS = {
    "import-fails": "import-fails cannot load: No module named 'a_framework_nobody_has'",
    "import-exits": "import-exits cannot load: it called sys.exit(3) while it was loaded",
    "constructor-raises": "constructor-raises cannot load: RuntimeError: driver too old",
    "exits-loading": "exits-loading: the worker ended while it loaded: exit code 7\ncannot map device memory",
    "class-missing": "class-missing cannot load: its entry point names lstm_broken:NotThere, and lstm_broken has no "
    "NotThere" + REINSTALL,
    "module-missing": "module-missing cannot load: its entry point names lstm_broken.not_there:Adapter, and there is "
    "no module lstm_broken.not_there" + REINSTALL,
    "not-a-class": "not-a-class cannot load: its entry point names lstm_broken_loading:not_a_class, which makes a "
    "NoneType; it must name a subclass of conformance.adapters.base.Adapter",
    "nameless": "nameless cannot load: Nameless.name is not a text",
    "broken@npu": "broken has no device 'npu'; it has cpu",
    "brokn": "no adapter 'brokn'; did you mean 'broken'? installed: ",
    "loads-badly@exits": "loads-badly cannot load: it called sys.exit('no licence') while it was loaded",
    "loads-badly@raises-a-surrogate": r"loads-badly cannot load: RuntimeError: cannot read /models/caf\udce9",
    "loads-badly@raises-unreadable": "loads-badly cannot load: Unreadable: (its text cannot be read: ValueError)",
    "loads-badly@panics": "loads-badly cannot load: Panic: index out of bounds",
    "loads-badly@forgets-its-device": "loads-badly: device cannot be read: AttributeError: 'LoadsBadly' object has no "
    "attribute 'device'; it must be the device that __init__ was given; call super().__init__(device) there",
    "loads-badly@versions-none": "loads-badly: versions is {'acme': None}; " + VERSIONS,
    "loads-badly@versions-list": "loads-badly: versions is ['acme', '1.0']; " + VERSIONS,
    "loads-badly@versions-raise": "loads-badly: versions cannot be read: ImportError: no metadata; it must be a "
    "dict of each package that computes and its version",
}

WORKERS = ("import-exits", "exits-loading", "brokn", "broken@npu", *(
    f"loads-badly@{way}" for way in ("exits", "raises-a-surrogate", "panics", "versions-none")
))  # fmt: skip
"""Those that are loaded in workers as well; each costs the start of a process."""


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *arguments])


def asked_for(*labels: str) -> list[str]:
    return [word for label in labels for word in ("--adapter", label)]


def test_an_adapter_that_cannot_load_says_why(broken_adapters):
    done = doctor(*asked_for(*WORKERS), "--json")
    assert done.exit_code == 1
    problems = {found["adapter"]: found["problem"] for found in json.loads(done.stdout)}
    assert {label: problem[: len(SAYS[label])] for label, problem in problems.items()} == {
        label: SAYS[label] for label in WORKERS
    }
    assert list(problems) == list(WORKERS), "in the order asked for"
    assert not [problem for problem in problems.values() if "Traceback" in problem]


def test_texts_of_any_kind_are_versions(broken_adapters):
    done = doctor(*asked_for("loads-badly@versions-odd"))
    assert done.exit_code == 0
    assert r"acme 1.0 caf\udce9 on versions-odd" in done.output


@pytest.mark.parametrize("label", [label for label in SAYS if not label.startswith("exits")])
def test_in_process_it_says_the_same(label, broken_adapters, suite):
    run = ["run", "--in-process", "--adapter", label, "--case", "tiny/plain-f32", *map(str, suite.folders)]
    done = CliRunner().invoke(main, run)
    assert done.exit_code == 2
    assert done.stderr.startswith(SAYS[label])


@pytest.mark.slow
def test_one_that_hangs_is_ended_after_its_time_and_says_where_it_was(broken_adapters):
    for seconds in ("2", "10", "50"):  # where the machine is busy, it does not get as far as to hang
        done = doctor(*asked_for("loads-badly@hangs"), "--load-timeout", seconds)
        assert done.exit_code == 1
        assert f"within {seconds} s (--load-timeout)" in done.stdout
        if "lstm_broken_loading.py" in done.stdout:
            break
    head, *where = done.stdout.splitlines()
    assert head.endswith(f" loads-badly@hangs: did not load within {seconds} s (--load-timeout); it was killed here:")
    assert "lstm_broken_loading.py" in "".join(where)


def test_those_that_hang_hold_up_no_other(broken_adapters):
    found = []

    def report(diagnosis):
        found.append(diagnosis)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # which does not wait for them
        examine(
            ["loads-badly@hangs", "loads-badly@hangs", "numpy"], RunSettings(load_timeout=600), jobs=3, report=report
        )
    assert [(diagnosis.adapter, diagnosis.problem) for diagnosis in found] == [("numpy", None)]


def test_an_upgrade_a_run_and_a_check_can_be_given_the_time_too(broken_adapters, suite):
    for command in ("run", "smoke", "upgrade", "doctor"):
        assert "--load-timeout SECONDS" in CliRunner().invoke(main, [command, "--help"]).output
    run = ["run", "--adapter", "loads-badly@hangs", "--load-timeout", "0.01", *map(str, suite.folders)]
    done = CliRunner().invoke(main, run)
    assert done.exit_code == 2
    assert "within 0.01 s (--load-timeout)" in done.stderr
