"""The harnesses of examples/harnesses compile, are sound, and answer rightly what they support.

Skipped without a compiler, unless everything is to be there.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness import COMMAND, ROOT

from conformance.results.reading import read_results

HARNESSES = ROOT / "examples" / "harnesses"
BROOK = ROOT / "examples" / "vendor-adapter"
PLACES = os.pathsep.join([os.environ["PATH"], str(Path.home() / ".cargo" / "bin")])
STRICT = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
FAMILIES = ["cell", "direction", "stack", "lengths", "state", "calls", "batch", "peephole", "cell-clip",
            "forget-bias", "not-finite", "edges"]  # fmt: skip
FEWEST = {"cpp": 90, "rust": 110, "javascript": 110, "python": 110}
"""At least so many of the cases each has to answer: what it supports, less a few."""


def built(*words: object, cwd: Path, **environment: str) -> None:
    command = [str(word) for word in words]
    tool = shutil.which(command[0], path=PLACES)
    if tool is None:
        pytest.skip(f"{command[0]} is not here")
    environ = os.environ | {"PATH": PLACES} | environment
    done = subprocess.run([tool, *command[1:]], cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=FEWEST)
def harness(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The language, and the executable."""
    language, folder = request.param, tmp_path_factory.mktemp(request.param)
    if language == "cpp":
        built("cc", "-O2", "-c", BROOK / "src" / "brook_conformance" / "brook.c", cwd=folder)
        source = HARNESSES / "cpp" / "brook_harness.cpp"
        built("c++", *STRICT, "-o", "brook", source, "brook.o", cwd=folder)
        return language, folder / "brook"
    if language == "rust":
        source = folder / "source"
        shutil.copytree(HARNESSES / "rust", source, ignore=shutil.ignore_patterns("target", "Cargo.lock"))
        built("cargo", "build", "--release", "--offline", "--quiet", cwd=source, RUSTFLAGS="-D warnings")
        return language, source / "target" / "release" / "plain-rust"
    if language == "javascript":
        if shutil.which("node") is None:
            pytest.skip("node is not here")
        return language, HARNESSES / "javascript" / "plain.mjs"
    return language, HARNESSES / "python" / "harness.py"


def conformance(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)


def test_it_is_sound(harness):
    done = conformance("smoke", f"command:{harness[1]}")
    assert done.returncode == 0, done.stdout


def test_what_it_supports_it_answers_rightly(harness, tmp_path):
    language, path = harness
    cases = [word for family in FAMILIES for word in ("--case", f"{family}/*")]
    known = ["--deviations", BROOK / "deviations"] if language == "cpp" else []
    done = conformance("run", "--adapter", f"command:{path}", *cases, *known, "-o", tmp_path / "results.jsonl")
    assert done.returncode == 0, (done.stdout, done.stderr)
    records = read_results(tmp_path / "results.jsonl").records
    assert {record.outcome for record in records if not record.deviation} == {"passed", "unsupported"}
    assert sum(record.outcome == "passed" for record in records) >= FEWEST[language]


def test_what_the_engine_prints_does_not_stand_between_frames(tmp_path):
    """A print on standard output in the middle of a call comes before no answer, because the header moves it away."""
    brook = (BROOK / "src" / "brook_conformance" / "brook.c").read_text()
    start = "if (layer->inputs < 1"
    assert start in brook
    loud = brook.replace(start, f'puts("brook is running"); fflush(stdout);\n    {start}')
    (tmp_path / "brook.c").write_text(f"#include <stdio.h>\n{loud}")
    built("cc", "-O2", "-c", "brook.c", cwd=tmp_path)
    built("c++", *STRICT, "-o", "brook", HARNESSES / "cpp" / "brook_harness.cpp", "brook.o", cwd=tmp_path)
    done = conformance("smoke", f"command:{tmp_path / 'brook'}", "--check", "frames/*")
    assert done.returncode == 0, done.stdout


def test_an_error_of_the_engine_is_that_of_its_case_alone(tmp_path):
    brook = (BROOK / "src" / "brook_conformance" / "brook.c").read_text()
    (tmp_path / "brook.c").write_text(brook.replace("if (layer->inputs < 1", "if (rows == 1 || layer->inputs < 1"))
    built("cc", "-O2", "-c", "brook.c", cwd=tmp_path)
    built("c++", *STRICT, "-o", "brook", HARNESSES / "cpp" / "brook_harness.cpp", "brook.o", cwd=tmp_path)
    output = tmp_path / "results.jsonl"
    done = conformance("run", "--adapter", f"command:{tmp_path / 'brook'}", "--case", "cell/*", "--case", "batch/*",
                       "--case", "calls/*", "-o", output)  # fmt: skip
    assert done.returncode == 1, done.stderr
    records = read_results(output).records
    assert {"passed", "errored"} <= {record.outcome for record in records} <= {"passed", "errored", "unsupported"}
    texts = {record.message.splitlines()[1].strip() for record in records if record.outcome == "errored"}
    assert all("brook: a size is out of range" in text for text in texts), texts
