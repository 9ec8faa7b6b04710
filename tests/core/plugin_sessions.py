"""Shared by the tests of the pytest plugin: somebody's project, and pytest sessions in it with what they leave."""

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from harness import Suite, python, started

INI = "[pytest]\naddopts = --strict-markers --strict-config -p no:cacheprovider\nfilterwarnings = error\n"
DEVIATIONS = """\
- cases: [broken/nan]
  reason: a known mishap
  versions: {lstm-broken: ">=1"}
- cases: [broken/still-right]
  reason: wrong until the last release
  versions: {lstm-broken: ">=1"}
"""

SERVER = """
import contextlib, io, json, os, sys, pytest
for line in sys.stdin:
    folder, arguments = json.loads(line)
    os.chdir(folder)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = pytest.main(arguments)
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}


@dataclass(frozen=True)
class Done:
    """A pytest session that has ended."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Project:
    """A folder with specs, known deviations and a test of its own, as somebody's repository may have them.

    Sessions with no other plugin run one after the other in the process `server`: its imports are paid for once.
    """

    root: Path
    suite: Suite
    server: subprocess.Popen[str]

    def pytest(self, *arguments: Any, cwd: Path | None = None) -> Done:
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        assert self.server.stderr is not None
        request = [str(cwd or self.root), ["-p", "lstm-conformance", *map(str, arguments)]]
        print(json.dumps(request), file=self.server.stdin, flush=True)
        reply = self.server.stdout.readline()
        assert reply, self.server.stderr.read()
        return Done(*json.loads(reply))

    def ours(self, *arguments: Any) -> list[Any]:
        """Arguments, with the vectors and deviations of the project."""
        return [*arguments, "--lstm-vectors", self.suite.vectors, "--lstm-deviations", "deviations"]

    def collected(self, *arguments: Any) -> list[str]:
        """The node ids that pytest collects."""
        done = self.pytest(*self.ours("--collect-only", "-q", *arguments))
        assert done.code == 0, done.stdout + done.stderr
        return [line for line in done.stdout.splitlines() if "::" in line]


@contextlib.contextmanager
def project_in(root: Path, suite: Suite) -> Iterator[Project]:
    """A project with the specs of a suite, and its server while it is needed."""
    shutil.copytree(suite.specs, root / "specs")
    (root / "deviations").mkdir()
    (root / "deviations" / "broken.yaml").write_text(DEVIATIONS)
    (root / "pytest.ini").write_text(INI)
    (root / "test_of_theirs.py").write_text("def test_theirs():\n    pass\n")
    (root / "specs" / "compose.yaml").write_text("services: {db: {image: postgres}}\n")
    with started("-c", SERVER, cwd=root, LSTM_BROKEN_STARTS=str(root / "starts"), **ALONE) as server:
        yield Project(root, suite, server)
        server.communicate()


def adapters(*names: str) -> list[str]:
    return [part for name in names for part in ("--lstm-adapter", name)]


def cases(*globs: str) -> list[str]:
    return [part for glob in globs for part in ("--lstm-case", glob)]


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@dataclass(frozen=True)
class Outcome:
    """What a JUnit report says of one test."""

    kind: str  # passed, failure, error, skipped, xfail
    message: str
    text: str
    properties: dict[str, str]


def outcomes_of(report: Path) -> dict[str, Outcome]:
    found = {}
    for test in ElementTree.parse(report).iter("testcase"):
        properties = {p.attrib["name"]: p.attrib["value"] for p in test.iter("property")}
        outcome = Outcome("passed", "", "", properties)
        for child in test:
            if child.tag != "properties":
                kind = "xfail" if child.get("type") == "pytest.xfail" else child.tag
                outcome = Outcome(kind, child.get("message", ""), child.text or "", properties)
        found[test.attrib["name"]] = outcome
    return found


@dataclass(frozen=True)
class Session:
    """What a session left."""

    done: Done
    outcomes: dict[str, Outcome]
    results: list[dict[str, Any]]


def session(project: Project, name: str, *arguments: Any, xdist: bool = False) -> Session:
    """Run a session that writes both of its files."""
    arguments = (*project.ours(*arguments), "--junitxml", f"{name}.xml", "--lstm-results", f"{name}/r.jsonl")
    if xdist:
        ended = python("-m", "pytest", "-p", "lstm-conformance", "-p", "xdist", *arguments, cwd=project.root, **ALONE)
        done = Done(ended.returncode, ended.stdout, ended.stderr)
    else:
        done = project.pytest(*arguments)
    return Session(done, outcomes_of(project.root / f"{name}.xml"), lines_of(project.root / name / "r.jsonl"))
