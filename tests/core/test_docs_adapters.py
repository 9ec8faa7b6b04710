"""The worked adapter works, breaking it fails as printed, and every contract, capability and adapter is explained."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from documents import ADAPTERS, FAILURE, ROOT, blocks

from conformance.adapters import registry
from conformance.adapters.base import EmptyRows, PaddedY
from conformance.adapters.capabilities import Capabilities
from conformance.results.deviations import Deviation, load_deviations
from conformance.vendor import scaffold
from conformance.verdict.contracts import Contracts

COMMAND = "import sys; sys.argv[0] = 'conformance'; from conformance.cli import main; main()"


def run(line: str, cwd: Path, *path: Path) -> subprocess.CompletedProcess[str]:
    """A line of a document: `conformance ...` or `pytest ...`."""
    program, *words = shlex.split(line)
    start = {"conformance": ["-c", COMMAND], "pytest": ["-m", "pytest", "-p", "no:cacheprovider"]}[program]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([*map(str, path), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(
        [sys.executable, *start, *words], cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False
    )


def installed(folder: Path) -> Path:
    """The package of docs/adapters.md, as pip would leave it; tests/core/test_scaffold.py says it is that."""
    scaffold.write(scaffold.checked("acme"), folder / "package")
    project = tomllib.loads((folder / "package" / "pyproject.toml").read_text())["project"]
    folder = folder / "package" / "src"
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in e.items()) for group, e in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    return installed(tmp_path)


@pytest.mark.slow
def test_the_worked_adapter_works(acme):
    doctor = run("conformance doctor --adapter acme", acme, acme)
    assert doctor.stdout.split(maxsplit=1) == ["acme", "acme-runtime 1.0 on cpu\n"]
    suite = f"--specs {ROOT / 'specs'} --vectors {ROOT / 'vectors'}"
    some = run(f"conformance run --adapter acme --case 'cell/*' --case 'lengths/*' {suite}", acme, acme)
    assert some.returncode == 0, some.stdout
    passed, failed, unsupported = re.search(r"│all +│ +(\d+)/(\d+)/(\d+)", some.stdout).groups()
    assert int(passed) > 10
    assert int(failed) == 0
    assert int(unsupported) > 30


def broken(acme: Path) -> Path:
    """The same with the change of docs/reading-a-failure.md."""
    (diff,) = blocks(FAILURE, "diff")
    right, wrong = (line[1:] for line in diff.splitlines())
    runtime = (acme / "acme_conformance" / "stand_in.py").read_text()
    assert runtime.count(right) == 1
    (acme / "acme_conformance" / "stand_in.py").write_text(runtime.replace(right, wrong))
    return acme


def without_measured_digits(message: str) -> list[str]:
    """Counts and places stay; what a BLAS may change in its last digits goes, and the line of the spec."""
    return [re.sub(r"-?\d+\.\d+(e[+-]\d+)?|(?<=yaml:)\d+", "#", line).rstrip() for line in message.splitlines()]


def test_the_failure_is_what_is_printed(acme):
    message = next(text for text in blocks(FAILURE, "text") if text.startswith("FAILED"))
    (command,) = re.findall(r"again: (.*)", message)
    result = run(f"{command} --specs specs --vectors {ROOT / 'vectors'}", ROOT, broken(acme))
    assert result.returncode == 1
    assert without_measured_digits(message) == without_measured_digits(result.stdout.split("\n\n")[0])


@pytest.mark.slow
def test_what_its_failures_have_in_common_is_what_is_printed(acme):
    # Without the case whose vector takes minutes to be proven.
    cases = f"--case '!lecture-batched/*' --specs specs --vectors {ROOT / 'vectors'}"
    result = run(f"conformance run --adapter acme {cases}", ROOT, broken(acme))
    for page in (FAILURE, ROOT / "README.md"):
        shown = next(text for text in blocks(page, "text") if text.startswith("acme: "))
        assert re.sub(r"\d+", "#", shown).strip() in re.sub(r"\d+", "#", result.stdout)


@pytest.mark.slow
def test_the_deviations_explain_the_failure(acme, tmp_path):
    (text,) = blocks(ADAPTERS, "yaml deviations")
    folder = tmp_path / "deviations"
    folder.mkdir()
    (folder / "acme.yaml").write_text(text)
    assert load_deviations(folder, "acme")
    suite = f"--specs {ROOT / 'specs'} --vectors {ROOT / 'vectors'} --deviations {folder}"
    line = f"conformance run --adapter acme --case 'lengths/*-reverse-f32' {suite}"
    right = run(line, acme, acme)
    assert right.returncode == 1, "a deviation that does not show is unexpected"
    known = run(line, acme, broken(acme))
    assert known.returncode == 0, known.stdout


@pytest.mark.parametrize("word", [*get_args(PaddedY), *get_args(EmptyRows), *Contracts.__dataclass_fields__])
def test_every_contract_is_explained(word):
    assert f"`{word}" in ADAPTERS.read_text() or f'`"{word}"`' in ADAPTERS.read_text()


@pytest.mark.parametrize(
    "name", [*Capabilities.__dataclass_fields__, *(n for n in Deviation.model_fields if n != "where")]
)
def test_every_capability_and_deviation_key_is_explained(name):
    assert f"`{name}`" in ADAPTERS.read_text()


BUILT_IN = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][registry.GROUP]


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_adapter_is_listed_with_its_devices(name):
    (row,) = re.findall(rf"^\|[^|]*`{name}`[^|]*\|.*\|$", (ROOT / "docs" / "running.md").read_text(), re.MULTILINE)
    assert set(row.split("|")[-2].strip().split(", ")) == registry.load(name).devices
