"""Every command of the documents and of the CI files runs, in the order it stands there, and ends as it says.

One folder for each document, with the files that the document shows. Of the shell, `conformance`, `pytest --lstm-...`,
`cd` and what installs a package of that folder are run; other programs' lines (pip from the network, venv, tox, git)
are what a reader has done before. What is too heavy for a test is exchanged by STAND_INS, and by nothing else.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documents import CI_FILES, DOCUMENTS, ROOT, files, shell

from conformance.vendor import scaffold

STAND_INS = [
    # Frameworks: the reference, and the adapter that `conformance new-adapter` writes.
    (r"(--(?:lstm-)?adapter (?:\w+:)?)torch\b(?!@)", r"\1numpy"),
    (r"(--(?:lstm-)?adapter (?:\w+:)?)(torch@cuda|onnxruntime|keras-jax|acme@npu|mindspore)(?=\s|$)", r"\1stand-in"),
    # Everything that loads: here the frameworks may be installed.
    (r"^conformance run( --quick)?$", r"conformance run\1 --adapter numpy --adapter stand-in"),
    # Frameworks of some hundred megabytes: a smaller package, one family of cases, and none of forty adapters that
    # could load.
    (
        r"^conformance upgrade torch==\S+ torch==\S+",
        "conformance upgrade numpy==2.3.5 numpy==2.4.6 --adapter numpy --case 'cell/*'",
    ),
    # Engines of gigabytes: tests/end_to_end/test_engines.py installs a small one.
    (r"^conformance engines install \w+$", "conformance engines"),
    # A harness of somebody else's.
    (r"command:\./acme-harness", f"command:{ROOT / 'examples/harnesses/python/harness.py'}"),
    # A host.
    (r"=ssh=\S+", "=python=old/bin/python"),
    # All cases: three families. Other environments of tox run all, with frameworks.
    (
        r"^conformance run(?!.* --(case|specs|quick))",
        "conformance run --case 'cell/*' --case 'lengths/*' --case 'state/*'",
    ),
    (
        r"^pytest( tests)? --lstm-suite(?!.* --lstm-(case|quick))",
        r"pytest\1 --lstm-suite --lstm-case 'cell/*' --lstm-case 'lengths/*' --lstm-case 'state/*'",
    ),
    # All vectors once more, proofs and mistakes too: tox -e vectors.
    (r"^conformance generate --check$", "conformance generate --check --case 'cell/*'"),
]
FRAMEWORKS = re.compile(r"model\.onnx|make_model\.py|my-suite")
"""Lines that need onnx, which is not here: tests/frameworks/test_docs_checking_files.py runs them."""
RUN = re.compile(r"conformance |python \w+\.py$|pytest .*--lstm-|cd |python -m pip install (-e )?(\.|'\.\[)")


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH with the adapter `stand-in`, installed by pip."""
    folder = tmp_path_factory.mktemp("packages")
    scaffold.write(scaffold.checked("stand-in"), folder / "source")
    install(folder / "source", folder / "installed")
    return folder / "installed"


def install(source: Path, target: Path) -> None:
    """What `pip install` of a folder would do, with its dependencies as they are here."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", target, source]
    subprocess.run(pip, check=True, timeout=120)


def exchanged(line: str) -> str:
    """The line without its comment, and with the stand-ins in it."""
    line = re.sub(r"\s+# .*$", "", line)
    for pattern, replacement in STAND_INS:
        line = re.sub(pattern, replacement, line)
    return line


def interpreter(path: Path) -> None:
    """This interpreter, by another name, for what `python -m venv` and pip would have made."""
    path.parent.mkdir(parents=True)
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    path.chmod(0o755)


@pytest.mark.parametrize(
    "path", [p for p in [*DOCUMENTS, *CI_FILES] if shell(p)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_commands_end_as_documented(path: Path, packages: Path, tmp_path: Path) -> None:
    interpreter(tmp_path / "old" / "bin" / "python")
    for name, text in files(path):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    if path.is_relative_to(ROOT / "examples") and path not in CI_FILES:
        shutil.copytree(path.parent, tmp_path, dirs_exist_ok=True)
    own = tmp_path / "installed"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(map(str, (own, packages))),
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    folder = tmp_path
    for line, code in shell(path):
        command = exchanged(line)
        if not RUN.match(command) or FRAMEWORKS.search(command):
            continue
        if command.startswith("cd "):
            folder /= command.removeprefix("cd ")
        elif command.startswith("python -m pip"):
            install(folder, own)
        else:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False,
            )  # fmt: skip
            assert done.returncode == code, f"{line}\nrun as: {command}\n{done.stdout}\n{done.stderr}"
