"""`conformance new-adapter`: the form of what is written; tests/end_to_end/test_vendor.py installs and runs it."""

import configparser
import tomllib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from documents import files

from conformance import __version__
from conformance.case.errors import ConformanceError
from conformance.cli import main
from conformance.results.deviations import load_deviations
from conformance.vendor import scaffold

ROOT = Path(__file__).parents[2]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    scaffold.write(scaffold.checked("my-npu"), tmp_path / "package")
    return tmp_path / "package"


@pytest.mark.parametrize(
    ("name", "package", "class_name"),
    [
        ("my-npu", "my_npu_conformance", "MyNpu"),
        ("acme", "acme_conformance", "Acme"),
        ("x2-v10", "x2_v10_conformance", "X2V10"),
    ],
)
def test_a_name_becomes_those_of_the_package_and_of_the_class(name, package, class_name):
    fields = scaffold.checked(name).fields
    assert (fields["distribution"], fields["package"], fields["class_name"]) == (
        f"{name}-conformance",
        package,
        class_name,
    )


@pytest.mark.parametrize(
    "name", ["", "My-npu", "my_npu", "2x", "-npu", "npu-", "my--npu", "my npu", "npü", "npu\n", "npu.x"]
)
def test_what_cannot_be_a_name_is_refused_with_what_can(name):
    with pytest.raises(
        ConformanceError, match=r"cannot be an adapter's name: use lower-case letters and digits, .* as in my-npu"
    ):
        scaffold.checked(name)


def test_the_name_of_an_adapter_that_is_there_is_refused():
    with pytest.raises(ConformanceError, match="an adapter 'torch' is already installed here"):
        scaffold.checked("torch")


def test_the_files_are_what_they_are_called(package):
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert project["name"] == "my-npu-conformance"
    assert project["dependencies"][0] == f"lstm-conformance>={__version__}"
    assert project["entry-points"]["lstm_conformance.adapters"] == {"my-npu": "my_npu_conformance.adapter:MyNpu"}
    for path in package.rglob("*.py"):
        compile(path.read_text(), str(path), "exec")
    assert "class MyNpu(Adapter):" in (package / "src" / "my_npu_conformance" / "adapter.py").read_text()
    assert load_deviations(package / "deviations", "my-npu") == []
    assert configparser.ConfigParser(interpolation=None).read(package / "tox.ini")
    steps = yaml.safe_load((package / ".github" / "workflows" / "conformance.yml").read_text())["jobs"]["conformance"][
        "steps"
    ]
    assert "conformance smoke my-npu --deviations deviations" in [step.get("run") for step in steps]
    assert steps[-1]["with"]["name"] == "results-${{ github.sha }}"
    assert {path.name for path in package.rglob("*") if path.is_file()} >= {"README.md", ".gitignore", "stand_in.py"}


def test_every_template_is_used():
    there = {path.name for path in (Path(scaffold.__file__).parent / "templates").iterdir()}
    assert there == {f"{name}.tmpl" for name in scaffold.FILES}


def test_the_commented_deviation_is_one(package, tmp_path):
    text = (package / "deviations" / "my-npu.yaml").read_text()
    entry = "".join(line.removeprefix("# ") + "\n" for line in text.splitlines() if line.startswith(("# -", "#   ")))
    (tmp_path / "my-npu.yaml").write_text(entry)
    (deviation,) = load_deviations(tmp_path, "my-npu")
    assert deviation.mistake == ("padding-moves-state",)


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name, problem in {
        "taken": " already exists and is not an empty folder; nothing was written",
        "file": " already exists and is not an empty folder; nothing was written",
        "file/below": "/README.md: cannot be written: Not a directory",
    }.items():
        done = CliRunner().invoke(main, ["new-adapter", "my-npu", "--into", str(tmp_path / name)])
        assert (done.exit_code, done.stderr) == (2, f"{tmp_path / name}{problem}\n")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "notes", "taken"]


def test_the_adapter_in_the_documents_is_the_one_that_is_written(tmp_path):
    scaffold.write(scaffold.checked("acme"), tmp_path)
    shown = {name: text for name, text in files(ROOT / "docs" / "adapters.md") if name.startswith("src/")}
    assert len(shown) == 2
    for name, text in shown.items():
        assert text.split("\n", 1)[1] == (tmp_path / name).read_text(), name
