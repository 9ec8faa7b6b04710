"""What `conformance` prints of commands and cases: help, list, show, schema, for a user and for a script."""

import json
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import conformance
from harness import COMMAND, python

from conformance import __version__
from conformance.golden.store import VectorStore

FRAMEWORKS = ["torch", "tensorflow", "keras", "jax", "onnx", "onnxruntime", "flint", "rich", "execnet", "pytest"]


def test_help_names_every_command_and_each_has_its_own():
    text = conformance("-h").output
    for command in ("run", "list", "show", "schema", "generate", "doctor"):
        assert f"\n  {command} " in text
        found = conformance(command, "-h")
        assert found.exit_code == 0, found.output
    assert __version__ in conformance("--version").output


def test_list_says_of_every_case_what_it_is(suite):
    result = conformance("list", "--specs", suite.specs)
    assert result.exit_code == 0
    *lines, total = result.output.splitlines()
    assert [line.split()[0] for line in lines] == list(suite.cases)
    assert "tiny/lengths                  T=4 B=2 I=3 H=5 bidirectional f32 lengths 2,4" in lines
    assert total == f"{len(suite.cases)} cases in 2 families"


def test_list_as_json_has_a_record_for_every_case(suite):
    records = json.loads(conformance("list", "--specs", suite.specs, "--case", "tiny/*", "--json").output)
    assert [record["id"] for record in records] == [case_id for case_id in suite.cases if case_id.startswith("tiny/")]
    assert records[0] == {
        "id": "tiny/plain-f32",
        "family": "tiny",
        "summary": "T=4 B=2 I=3 H=5 forward f32",
        "source": None,
        "origin": str(suite.cases["tiny/plain-f32"].origin),
        "on_demand": False,
    }


def processor_seconds(*arguments: Any, cwd: Path) -> tuple[float, str]:
    """What a Python process took of the processor, whatever else the machine did; and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = python(*arguments, cwd=cwd)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout


def test_list_is_quick_and_imports_no_framework(suite, tmp_path):
    script = f"{COMMAND.removesuffix('; main()')}; main(standalone_mode=False); print(*sys.modules)"
    needed, _ = processor_seconds("-c", "import click, ml_dtypes, numpy, pydantic, yaml", cwd=tmp_path)
    runs = [processor_seconds("-c", script, "list", "--specs", suite.specs, cwd=tmp_path) for _ in range(2)]
    assert set(runs[0][1].splitlines()[-1].split()).isdisjoint(FRAMEWORKS)
    assert min(seconds for seconds, _ in runs) < 3 * needed


def test_show_prints_options_shapes_and_golden_values(suite):
    result = conformance("show", "tiny/stack", "--specs", suite.specs, "--vectors", suite.vectors)
    assert result.exit_code == 0
    assert result.output.startswith(f"tiny/stack   {suite.cases['tiny/stack'].origin}\n")
    assert "  weights.W.1 float32 (4, 5, 5)\n" in result.output
    assert "  inputs.x float32 (4, 2, 3)\n" in result.output
    golden = VectorStore(suite.vectors).load(suite.cases["tiny/stack"]).golden["logits"]
    assert f"{golden[0, 0, 0]!r}"[len("np.float64(") : -1] in result.output


@pytest.mark.parametrize("case_id", ["tiny/plain-f64", "tiny/lengths", "tiny/stack"])
def test_show_as_json_gives_numbers_that_read_back_the_same(suite, case_id):
    result = conformance("show", case_id, "--json", "--specs", suite.specs, "--vectors", suite.vectors)
    shown = json.loads(result.output)
    vector = VectorStore(suite.vectors).load(suite.cases[case_id])
    assert (shown["id"], shown["spec_digest"]) == (case_id, suite.cases[case_id].digest())
    assert shown["shapes"] == {name: list(array.shape) for name, array in vector.arrays.flat.items()}
    assert list(shown["golden"]) == list(suite.cases[case_id].outputs)
    for name, golden in vector.golden.items():
        assert np.array(shown["golden"][name]).tobytes() == golden.tobytes()
        assert np.array_equal(shown["kappa"][name], vector.kappa[name])


def test_schema_is_json_that_names_the_keys_of_a_spec():
    schema = json.loads(conformance("schema").output)
    assert set(schema["properties"]) == {"family", "description", "source", "defaults", "cases"}
    assert {"name", "vary", "T", "lengths", "tolerance"} <= set(schema["properties"]["cases"]["items"]["properties"])


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        (["!*e*", "!*s*", "!b*"], ["tiny/plain-f32", "tiny/plain-f64"]),
        (["!*", "tiny/reverse"], ["tiny/reverse"]),
        (["tiny/plain-*", "!*-f64"], ["tiny/plain-f32"]),
    ],
)
def test_a_pattern_takes_cases_away_from_those_before_it(suite, patterns, chosen):
    result = conformance("list", *suite.folders[:2], *(part for pattern in patterns for part in ("--case", pattern)))
    assert [line.split()[0] for line in result.output.splitlines() if "/" in line.split(" ")[0]] == chosen
