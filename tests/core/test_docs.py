"""The documents say what is so: links lead somewhere, commands parse, specs load, the worked adapter works.

The commands themselves are run by tests/end_to_end/test_documented_commands.py.
"""

import configparser
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import click
import pytest
import yaml
from documents import CI_FILES, DOCUMENTS, FENCE, ROOT, blocks, prose, shell

from conformance.adapters import registry
from conformance.adapters.base import EmptyRows, PaddedY
from conformance.adapters.capabilities import Capabilities
from conformance.case.errors import SpecError
from conformance.case.fields import WeightSources
from conformance.case.load import CASE_KEYS, SPEC_KEYS, load_spec, load_specs
from conformance.case.options import ActivationName, Tolerance
from conformance.case.source import KINDS
from conformance.cli import main
from conformance.golden.lint import RULES
from conformance.golden.store import VectorStore
from conformance.results.deviations import Deviation, load_deviations
from conformance.vendor import scaffold
from conformance.verdict.contracts import Contracts

SPECS, ADAPTERS, FAILURE = (ROOT / "docs" / name for name in ("specs.md", "adapters.md", "reading-a-failure.md"))
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
EXAMPLE_NAMES = {"acme", "brook", "NAME", "mine", "mine@npu"}
COMMAND = "import sys; sys.argv[0] = 'conformance'; from conformance.cli import main; main()"


def of_each_document(values, paths=DOCUMENTS) -> list:
    return [pytest.param(path, value, id=f"{path.name}-{value}") for path in paths for value in values(path)]


def links(path: Path) -> list[str]:
    return [link for link in LINK.findall(prose(path)) if not link.startswith(("https://", "http://"))]


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(path: Path) -> list[str]:
    """Every command line that starts with `conformance`, from code spans, from lines of code and from steps of CI."""
    if path in CI_FILES:
        return [command.line for command in shell(path) if command.line.startswith("conformance ")]
    text = path.read_text().replace("\\\n", " ")
    spans = re.findall(r"`(conformance [^`\n]+)`", FENCE.sub("", text))
    return [*spans, *re.findall(r"^ *(?:again: )?(conformance [^\n]+)$", text, re.MULTILINE)]


@pytest.mark.parametrize(("path", "link"), of_each_document(links))
def test_links_lead_to_files_and_headings(path, link):
    name, _, anchor = link.partition("#")
    target = path.parent / name if name else path
    assert target.exists(), f"{path.name} links to {name}, which is not there"
    if anchor:
        assert anchor in anchors(target), f"{target.name} has no heading #{anchor}; it has {sorted(anchors(target))}"


def test_every_document_is_in_the_table_of_contents():
    index = ROOT / "docs" / "index.md"
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"} <= set(links(index))


@pytest.mark.parametrize(("path", "command"), of_each_document(commands, [*DOCUMENTS, *CI_FILES]))
def test_commands_parse(path, command):
    words = shlex.split(re.split(r" (?:>>?|\|\|?|&&) ", command)[0], comments=True)[1:]
    assert words[0] in main.commands, f"no command {words[0]}"
    chosen = main.commands[words[0]]
    # Below the group, as in use: click keeps the help option that it makes first, and only the group knows -h.
    context = click.Context(chosen, parent=click.Context(main, **main.context_settings))
    options, _, _ = chosen.make_parser(context).parse_args(words[1:])  # raises for an unknown option
    for adapter in options.get("adapters", []):
        assert registry.parse(adapter).name in {*EXAMPLE_NAMES, *registry.names()}


@pytest.mark.parametrize(
    ("path", "option"), of_each_document(lambda path: sorted(set(re.findall(r"--lstm(?:-[a-z]+)+", path.read_text()))))
)
def test_pytest_options_exist(path, option, pytestconfig):
    pytestconfig.getoption(option.lstrip("-").replace("-", "_"))  # raises for an unknown one


def test_contributing_names_the_checks_there_are():
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    there = set(re.split(r"[,\s]+", tox["tox"]["env_list"].strip()))
    named = re.findall(r"^\| `tox -e ([\w-]+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert set(named) == there


def test_every_marker_of_the_framework_tests_has_an_environment():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    markers = {each.partition(":")[0] for each in project["tool"]["pytest"]["ini_options"]["markers"]}
    asked = re.findall(r'pytest tests/frameworks -m ("[^"]+"|\w+)', (ROOT / "tox.ini").read_text())
    assert set(re.findall(r"\w+", " ".join(asked))) - {"and", "or", "not"} == markers - {"slow"}


# Specs


def written(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The text as specs/example.yaml below the working directory, as docs/specs.md calls it."""
    monkeypatch.chdir(folder)
    (folder / "specs").mkdir()
    path = folder / "specs" / "example.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", [*blocks(SPECS, "yaml"), *blocks(ROOT / "README.md", "yaml")])
def test_specs_load(text, tmp_path, monkeypatch):
    assert load_spec(written(tmp_path, text, monkeypatch))


@pytest.mark.parametrize("text", blocks(SPECS, "yaml fragment"))
def test_fragments_load_in_a_case(text, tmp_path, monkeypatch):
    case = {"name": "fragment", "T": 3, "B": 2, "I": 2, "H": 4} | yaml.safe_load(text)
    spec = yaml.safe_dump({"family": "example", "cases": [case]})
    assert load_spec(written(tmp_path, spec, monkeypatch))


def test_refused_specs_say_what_is_printed(tmp_path, monkeypatch):
    refused = re.findall(
        r"^```yaml refused\n(.*?)^```\n\n```text\n(.*?)^```$", SPECS.read_text(), re.MULTILINE | re.DOTALL
    )
    assert len(refused) == len(blocks(SPECS, "yaml refused")) > 0
    for number, (text, message) in enumerate(refused):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(SpecError) as raised:
            load_spec(written(folder, text, monkeypatch))
        assert str(raised.value).splitlines() == message.splitlines()


def test_the_first_spec_has_the_cases_that_are_named(tmp_path, monkeypatch):
    ids = [case.id for case in load_spec(written(tmp_path, blocks(SPECS, "yaml")[0], monkeypatch))]
    assert len(ids) == 9
    assert ids[0] == "example/plain"
    assert {"example/short-rows-forward-f32-both", "example/short-rows-reverse-f64-no-c0"} <= set(ids)


@pytest.mark.parametrize(
    "name", sorted({*CASE_KEYS, *SPEC_KEYS, *KINDS, *Tolerance.model_fields, *WeightSources.model_fields})
)
def test_every_key_and_source_is_explained(name):
    assert re.search(rf"`{name}\b|^{name}:", SPECS.read_text(), re.MULTILINE), f"docs/specs.md has no {name}"


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_about_numbers_is_explained(rule):
    assert re.search(rf"^\|.*`{rule}`.*\|", SPECS.read_text(), re.MULTILINE)


# The equations


@pytest.mark.parametrize("name", get_args(ActivationName))
def test_every_activation_has_its_row(name):
    assert f"\n| `{name}` |" in (ROOT / "docs" / "equations.md").read_text()


def test_equations_are_numbered_in_their_order():
    numbers = re.findall(r"^    .* \((\d+)\)$", (ROOT / "docs" / "equations.md").read_text(), re.MULTILINE)
    assert numbers == [str(n) for n in range(1, len(numbers) + 1)]


def test_what_the_code_refers_to_is_there():
    equations = (ROOT / "docs" / "equations.md").read_text()
    for source in (ROOT / "conformance").rglob("*.py"):
        text = source.read_text()
        for name in re.findall(r"(?<![\w/])docs/([\w-]+\.md)", text):
            assert (ROOT / "docs" / name).exists(), f"{source.name} refers to docs/{name}"
        for number in re.findall(r"docs/equations\.md, section (\d)", text):
            assert f"\n## {number}. " in equations, f"{source.name} refers to section {number}"
        for first, last in re.findall(r"[Ee]quations? \((\d)\)(?: to \((\d)\))?", text):
            assert f"({first})\n" in equations, f"{source.name} refers to equation {first}"
            assert not last or f"({last})\n" in equations, f"{source.name} refers to equation {last}"


def test_the_worked_example_has_the_stored_numbers():
    text = (ROOT / "docs" / "noise-units.md").read_text()
    case_id = re.search(r"`conformance show ([\w/-]+)`", text)[1]
    (case,) = [case for case in load_specs(ROOT / "specs") if case.id == case_id]
    vector = VectorStore(ROOT / "vectors").load(case)
    rows = re.findall(r"^\| \d+ \| (-?\d\.\d+) \| ([\d.]+) \|$", text, re.MULTILINE)
    for stored, printed in zip((vector.golden, vector.kappa), zip(*rows, strict=True), strict=True):
        assert [float(number) for number in printed] == stored["h_n"].ravel().tolist()


# The worked adapter, and the failure that comes of breaking it


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


def test_what_its_failures_have_in_common_is_what_is_printed(acme):
    result = run(f"conformance run --adapter acme --specs specs --vectors {ROOT / 'vectors'}", ROOT, broken(acme))
    for page in (FAILURE, ROOT / "README.md"):
        shown = next(text for text in blocks(page, "text") if text.startswith("acme: "))
        assert re.sub(r"\d+", "#", shown).strip() in re.sub(r"\d+", "#", result.stdout)


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


def test_readmes_first_command_installs_every_program_that_readme_runs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    (nested, *direct) = extras["all"]
    asked = {"all", *nested.partition("[")[2].rstrip("]").split(",")}
    names = {re.match(r"[\w-]+", need)[0] for extra in asked for need in (*extras[extra], *direct)}
    programs = {command.line.split()[0] for command in shell(ROOT / "README.md")} - {"python"}
    assert programs <= names | set(project["scripts"])
