"""`conformance mistakes ID`: what a failure looks like, explained where only the package is installed."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from conformance.cli import main
from conformance.lstm.mistakes import BY_ID

DEVIATIONS = """\
- cases: [tiny/*]
  reason: padding moves the state
  mistake: [padding-moves-state, lengths-ignored]
  link: https://acme.example/issues/12
  versions: {acme-runtime: "<1.1"}
- {cases: [tiny/stack], reason: another, mistake: float64-in-float32, versions: {acme-runtime: ">1"}}
"""


@pytest.fixture
def mistakes(suite, tmp_path, monkeypatch):
    """The command, with the small suite and one adapter's known deviations."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "known").mkdir()
    (tmp_path / "known" / "acme.yaml").write_text(DEVIATIONS)

    def invoked(*arguments: Any) -> Result:
        folders = ["--specs", suite.specs, "--vectors", suite.vectors, "--deviations", "known", "-j", 1]
        return CliRunner().invoke(main, ["mistakes", *map(str, [*arguments, *folders])])

    return invoked


def test_a_mistake_is_explained(mistakes):
    done = mistakes("padding-moves-state")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[:3] == [
        "padding-moves-state   (padding)",
        f"  It {BY_ID['padding-moves-state'].what}.",
        f"  seen in: {BY_ID['padding-moves-state'].link}",
    ]
    counted = next(line for line in lines if "on which it can be made tell it from a right answer" in line)
    caught, applicable = (int(word) for word in counted.split() if word.isdigit())
    assert 0 < caught <= applicable
    assert any(line.startswith("    tiny/lengths ") and "times what is allowed" in line for line in lines)
    assert lines[-3:] == [
        "  known deviation of acme: padding moves the state",
        "    known/acme.yaml:1, acme-runtime <1.1",
        "    https://acme.example/issues/12",
    ]
    assert "another" not in done.output
    assert max(map(len, lines)) <= 100


def test_those_of_a_message_are_explained_at_once(mistakes):
    done = mistakes("lengths-ignored", "float64-in-float32", "lengths-ignored")
    heads = [line.split()[0] for line in done.output.splitlines() if line and line[0] != " "]
    assert heads == ["lengths-ignored", "float64-in-float32"]
    assert "It is accurate only to float32." in done.output


def test_a_mistake_that_no_case_can_show_says_so(mistakes):
    assert "it cannot be made on any case with a stored vector" in mistakes("nan-lost-in-clip").output


def test_as_json_it_has_every_case_and_deviation(mistakes):
    (found,) = json.loads(mistakes("padding-moves-state", "--json").stdout)
    assert (found["id"], found["axis"]) == ("padding-moves-state", "padding")
    assert "tiny/lengths" in found["caught_by"]
    assert found["known_deviations"] == [
        {
            "adapter": "acme",
            "cases": ["tiny/*"],
            "reason": "padding moves the state",
            "link": "https://acme.example/issues/12",
            "versions": {"acme-runtime": "<1.1"},
            "where": "known/acme.yaml:1",
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["padding-move-state"], "no mistake 'padding-move-state' in the catalogue; near it: padding-moves-state"),
        (["xyzzy"], "no mistake 'xyzzy' in the catalogue; they are listed by: conformance mistakes\n"),
        (["\x1b[31m"], "no mistake '\\x1b[31m' in the catalogue; "),
        (["x" * 5000], f"no mistake '{'x' * 120}... (5,000 characters)' in the catalogue; "),
        (["lengths-ignored", "--markdown"], "--markdown and --against are about all mistakes"),
        (["lengths-ignored", "--against", "onnx-node-tests"], "--markdown and --against are about all mistakes"),
    ],
)
def test_what_is_not_in_the_catalogue_is_refused(mistakes, arguments, message):
    done = mistakes(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""
