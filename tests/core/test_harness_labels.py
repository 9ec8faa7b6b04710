"""A command is a label, a name for it is another, and both work wherever an adapter does."""

import json
import re
import sys
from pathlib import Path

import pytest
from command_line import conformance
from harness import ROOT, Suite, gone, make_suite
from plugin_sessions import Project

from conformance.adapters import registry
from conformance.adapters.harness import configuration
from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.results.reading import read_results
from conformance.run.places import parse_places
from conformance.run.settings import RunSettings
from conformance.run.smoke import framing

EXAMPLE = ROOT / "examples" / "harnesses" / "python" / "harness.py"
MISBEHAVING = Path(__file__).parent / "harnesses" / "misbehaving.py"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a harness in it and a project that names it."""
    engine = tmp_path / "acme-engine.py"
    engine.write_text(f"#!{sys.executable}\n{EXAMPLE.read_text()}")
    engine.chmod(0o755)
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.lstm-conformance.harness]\nacme = "./acme-engine.py"\nbrook = ["{sys.executable}", "acme-engine.py"]\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(configuration, "_file", None)
    return tmp_path


@pytest.mark.parametrize(
    ("label", "place", "name", "device", "command"),
    [
        ("command:./acme-engine", "", "acme-engine", "cpu", "./acme-engine"),
        ("command:./acme-engine@npu:1", "", "acme-engine", "npu:1", "./acme-engine"),
        ("board:command:/opt/acme.sh@gpu", "board", "acme", "gpu", "/opt/acme.sh"),
        ("command:/opt/acme@2/engine", "", "engine", "cpu", "/opt/acme@2/engine"),
        ("command:node acme.mjs --fast@wasm", "", "acme", "wasm", "node acme.mjs --fast"),
        ("acme", "", "acme", "cpu", "./acme-engine.py"),
        ("board:acme@npu", "board", "acme", "npu", "./acme-engine.py"),
        ("brook", "", "brook", "cpu", f"{sys.executable} acme-engine.py"),
        ("torch", "", "torch", "cpu", ""),
    ],
)
def test_labels(folder: Path, label: str, place: str, name: str, device: str, command: str) -> None:
    parsed = registry.parse(label)
    assert (parsed.place, parsed.name, parsed.device, parsed.command) == (place, name, device, command)
    if command:
        assert parsed.there == f"command:{command}@{device}"
        assert registry.parse(parsed.there).command == command


def test_a_gate_takes_a_command_for_the_same_wherever_it_is(folder: Path) -> None:
    assert registry.parse("command:./old/torch").identity == registry.parse("command:/new/torch").identity
    assert registry.parse("command:./old/torch").identity != registry.parse("torch").identity
    assert registry.parse("acme@npu").identity == "acme@npu"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.lstm-conformance.harness]\nacme = 3\n", "acme must be a command line, or a list of its words"),
        ("[tool.lstm-conformance.harness]\nacme = []\n", "acme must be a command line, or a list of its words"),
        ("[tool.lstm-conformance.harness]\n'a b' = 'x'\n", "'a b' is no name"),
        ("[tool.lstm-conformance]\nharness = 'x'\n", "like acme ="),
        ("[tool.lstm-conformance.harness\n", "pyproject.toml: "),
        (
            "[tool.lstm-conformance.harnesses]\nacme = './x'\n",
            "no [tool.lstm-conformance.harnesses]; it is called [tool.lstm-conformance.harness]",
        ),
        ("[tool.lstm-conformance.harness]\ntorch = './x'\n", "two adapters are called 'torch'"),
    ],
)
def test_what_is_wrong_with_the_names_is_said(folder: Path, text: str, said: str) -> None:
    (folder / "pyproject.toml").write_text(text)
    with pytest.raises(ConformanceError) as raised:
        registry.parse("torch")
    assert said in str(raised.value)


def test_a_name_that_is_not_there_is_told_beside_those_that_are(folder: Path) -> None:
    assert {"acme", "brook", "numpy"} <= set(registry.available())
    with pytest.raises(AdapterUnavailable, match="did you mean 'brook'"):
        registry.demand(registry.parse("brok"))
    with pytest.raises(AdapterUnavailable, match=r"no adapter 'nobody'; installed: acme, .*brook, .*numpy"):
        registry.demand(registry.parse("nobody"), ["numpy"])
    (folder / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert "brook" not in registry.available()


def test_a_file_of_names_is_an_option_and_is_told_again(folder: Path) -> None:
    (folder / "mine.yaml").write_text("creek: ./acme-engine.py\nacme: ./other\n")
    done = conformance("doctor", "--harnesses", "mine.yaml", "--adapter", "creek")
    assert done.stdout.split()[:2] == ["creek", "numpy"], done.output
    assert registry.parse("acme").command == "./other"
    assert RunSettings().again("creek") == ("--harnesses", "mine.yaml")
    assert RunSettings().again("brook") == ()
    assert conformance("doctor", "--adapter", "creek").exit_code == 1  # the option was another command's


def test_it_runs_in_a_worker_and_its_text_is_told_with_the_results(folder: Path, suite: Suite) -> None:
    done = conformance("run", "--adapter", "acme", "--case", "tiny/[plr]*", *suite.folders, "-o", "r.jsonl")
    assert done.exit_code == 0, done.output
    results = read_results(folder / "r.jsonl")
    assert {record.outcome for record in results.records} == {"passed"}
    assert "sha256 of acme-engine.py" in results.header.adapters["acme"].settings
    done = conformance("run", "--in-process", "--adapter", "acme", "--case", "tiny/*", *suite.folders, "--trace", "t")
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in (folder / "t").read_text().splitlines()]
    assert [lines[0]["frame"]["op"], lines[-1]["end"]] == ["hello", "exit code 0"]


def test_a_crash_in_process_is_an_outcome_and_others_run(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cases = "".join(f"  - name: {way}\n" for way in ("right", "exits", "half-a-frame", "no-json", "prints"))
    spec = f"family: ways\ndefaults: {{T: 3, B: 2, I: 2, H: 4}}\ncases:\n{cases}"
    ways = make_suite(tmp_path_factory.mktemp("ways"), {"ways.yaml": spec})
    conformance("run", "--in-process", "--adapter", f"command:{MISBEHAVING}", *ways.folders, "-o", "r.jsonl")
    records = read_results(folder / "r.jsonl").records
    assert [each.outcome for each in records] == ["passed", "crashed", "crashed", "errored", "passed"]


def test_no_place_can_be_taken_for_a_command() -> None:
    with pytest.raises(ConformanceError, match="command:PATH is a harness; give the place another name"):
        parse_places(["command=python=python3"])


@pytest.mark.slow
def test_pytest_and_smoke_know_it(folder: Path, project: Project) -> None:
    label = f"command:{folder / 'acme-engine.py'}"
    done = project.pytest("--lstm-suite", "--lstm-adapter", label, "--lstm-case", "sequence/short-f32")
    assert "1 passed" in done.stdout, done.stdout
    done = conformance("smoke", label, "--check", "frames/*", "--check", "class/*", "--check", "weights/W.*", "-v")
    assert done.exit_code == 0, done.output
    assert done.stdout.count("passed  frames/") == 7


BREAKS = {
    "frames/describe": ("print(json.dumps(DESCRIPTION))", 'print(json.dumps(DESCRIPTION), "and more")'),
    "frames/hello": ('"versions": load()', '"version": load()'),
    "frames/answers": ('return {"op": "ok"}, layers', 'return {"op": "ok", "y": 1}, layers'),
    "frames/handles": ('del layers[request["handle"]]', "pass"),
    "frames/stop": ('if request["op"] == "stop":\n            return', "pass"),
    "frames/end-of-input": ("while line := requests.readline():", "while line := requests.readline() or sys.exit(9):"),
    "frames/noise": ("layers = {}", 'layers = print("loading", flush=True) or {}'),
}


@pytest.mark.slow
@pytest.mark.parametrize("check", BREAKS)
def test_the_frames_are_looked_at_in_order_and_what_is_wrong_first_is_named(folder: Path, check: str) -> None:
    old, new = BREAKS[check]
    text = EXAMPLE.read_text()
    assert text.count(old) == 1
    (folder / "acme-engine.py").write_text(f"#!{sys.executable}\n{text.replace(old, new)}")
    found = list(framing.problems("acme", RunSettings(timeout=20)))
    until = framing.CHECKS if check in framing.TOLERATED else framing.CHECKS[: list(BREAKS).index(check) + 1]
    assert [name for name, *_ in found] == list(until)
    assert [name for name, problem, _ in found if problem] == [check], found


@pytest.mark.slow
def test_smoke_waits_for_frames_that_are_wrong(folder: Path) -> None:
    (folder / "acme-engine.py").write_text("#!/bin/sh\necho no\n")
    done = conformance("smoke", "acme")
    assert done.exit_code == 1
    assert "FAILED frames/describe\n" in done.stdout
    assert "do: docs/harness.md#describe" in done.stdout
    assert "10 waits" in done.stdout.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "pattern", "said"),
    [
        ("./nosuch", "frames/hello", "FAILED frames/describe\n  ./nosuch: there is no such command"),
        ("./nosuch", "weights/*", "FAILED frames/describe\n  ./nosuch: there is no such command"),
        ("./dies", "weights/W-?", "FAILED frames/answers\n  the harness ended before it answered: exit code 3"),
    ],
)
def test_a_check_that_was_not_asked_for_is_told_if_others_wait_for_it(
    folder: Path, command: str, pattern: str, said: str
) -> None:
    call = 'if request["op"] == "call":'
    text = EXAMPLE.read_text().replace(call, f"{call}\n        sys.exit(3)")
    (folder / "dies").write_text(f"#!{sys.executable}\n{text}")
    (folder / "dies").chmod(0o755)
    done = conformance("smoke", f"command:{command}", "--check", pattern)
    assert done.exit_code == 1, done.output
    assert said in done.stdout
    done = conformance("smoke", f"command:{command}", "--check", pattern, "--json")
    assert done.exit_code == 1, done.output
    assert "failed" in {finding["outcome"] for finding in json.loads(done.stdout)["findings"]}


def test_smoke_tells_the_file_of_names_again(folder: Path) -> None:
    (folder / "mine.yaml").write_text("creek: ./nosuch\n")
    done = conformance("smoke", "creek", "--harnesses", "mine.yaml")
    assert "again: conformance smoke creek --check frames/describe --harnesses mine.yaml\n" in done.stdout


def test_a_run_says_that_everything_was_refused(folder: Path, suite: Suite) -> None:
    text = EXAMPLE.read_text().replace('"float32", "float64"', '"float16"')
    (folder / "acme-engine.py").write_text(f"#!{sys.executable}\n{text}")
    done = conformance("run", "--adapter", "acme", "--case", "tiny/[plr]*", *suite.folders)
    assert done.exit_code == 0, done.output
    assert re.search(
        r"^acme: refused all \d+ cases, so nothing was checked; the reason of \d+: plain-loop computes in float16, not "
        "in float32$",
        done.stdout,
        re.MULTILINE,
    ), done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'del layers[request["handle"]]',
            "sys.exit(3)",
            "handles\n  the harness ended before it answered: exit code 3\n  do: have it go on and answer; ",
        ),
        (
            'del layers[request["handle"]]',
            "import time; print('thinking', file=sys.stderr, flush=True); time.sleep(600)",
            "handles\n  no answer within 4 s; it last printed:\n  thinking\n  do: have it go on and answer; ",
        ),
        (
            "while line := requests.readline():",
            "while line := requests.readline() or __import__('time').sleep(600):",
            "end-of-input\n  at the end of its input it did not end within 1.5 s\n  do: end with exit code 0",
        ),
    ],
)
def test_the_remedy_is_that_of_what_is_wrong(folder: Path, old: str, new: str, said: str) -> None:
    text = EXAMPLE.read_text()
    assert text.count(old) == 1
    (folder / "acme-engine.py").write_text(f"#!{sys.executable}\n{text.replace(old, new)}")
    done = conformance("smoke", "acme", "--check", "frames/*", "--timeout", "4")
    assert done.exit_code == 1
    assert f"FAILED frames/{said}" in done.stdout, done.stdout


@pytest.mark.slow
def test_a_command_that_does_not_end_when_it_describes_itself_is_ended(folder: Path) -> None:
    (folder / "acme-engine.py").write_text(f"#!/bin/sh\necho $$ >> {folder}/pids\nexec sleep 600\n")
    done = conformance("smoke", "acme", "--load-timeout", "5")
    assert "FAILED frames/describe\n  no answer within 5 s\n" in done.stdout
    pids = (folder / "pids").read_text().split()
    assert pids
    assert all(gone(int(pid)) for pid in pids)


def test_a_tensor_under_another_name_is_told_with_the_one_that_is_missing(folder: Path, suite: Suite) -> None:
    text = EXAMPLE.read_text().replace('"h_n": np', '"hn": np')
    (folder / "acme-engine.py").write_text(f"#!{sys.executable}\n{text}")
    done = conformance("run", "--adapter", "acme", "--case", "tiny/[plr]*", *suite.folders)
    assert "  h_n: not returned; returned without being asked for: hn\n" in done.stdout, done.stdout


def test_a_conversation_with_nobody_is_told(folder: Path, suite: Suite) -> None:
    done = conformance("run", "--adapter", "numpy", "--case", "tiny/[plr]*", *suite.folders, "--trace", "t")
    assert done.exit_code == 0
    assert "warning: t is empty: nothing was said to a harness (command:PATH)" in done.output
