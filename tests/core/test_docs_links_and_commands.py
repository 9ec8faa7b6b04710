"""What the documents lead to is there: links and headings, commands with their options, checks and markers.

The commands themselves are run by tests/end_to_end/test_documented_commands.py.
"""

import configparser
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from documents import CI_FILES, DOCUMENTS, FENCE, ROOT, prose, shell

from conformance.adapters import registry
from conformance.cli import main

LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
EXAMPLE_NAMES = {"acme", "brook", "NAME", "mine", "mine@npu", "engines"}


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
        label = registry.parse(adapter)
        assert label.file or label.command or label.name in {*EXAMPLE_NAMES, *registry.names()}


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


def test_readmes_first_command_installs_every_program_that_readme_runs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    (nested, *direct) = extras["all"]
    asked = {"all", *nested.partition("[")[2].rstrip("]").split(",")}
    names = {re.match(r"[\w-]+", need)[0] for extra in asked for need in (*extras[extra], *direct)}
    programs = {command.line.split()[0] for command in shell(ROOT / "README.md")} - {"python"}
    assert programs <= names | set(project["scripts"])
