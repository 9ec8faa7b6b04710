"""--quick: fewer cases for each adapter, which still catch what all of them catch, in every command."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from command_line import conformance, matrix_row

from conformance.case.select import select_cases
from conformance.data import default_folders
from conformance.quick import catches, measure

OF_NUMPY = ("--quick", "--adapter", "numpy")


def listed(*arguments: str) -> dict:
    done = conformance("list", *OF_NUMPY, *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_the_list_says_what_each_case_is_there_for():
    found = listed()
    assert found["caught"] == found["catchable"] > 1200
    assert len(found["cases"]) * 8 < found["of"]
    assert all(case["mistakes"] and case["seconds"] > 0 for case in found["cases"])
    text = conformance("list", *OF_NUMPY).output.splitlines()
    assert len(text) == len(found["cases"]) + 1
    assert text[0].startswith(found["cases"][0]["id"])
    assert f"{len(found['cases'])} quick of {found['of']:,} cases, about " in text[-1]


def test_a_narrower_selection_has_quick_cases_of_its_own():
    found = listed("--case", "lengths/*", "--case", "holes/*")
    assert {case["id"].partition("/")[0] for case in found["cases"]} == {"lengths", "holes"}
    assert 0 < len(found["cases"]) < found["of"] < 150


def test_a_budget_takes_fewer_cases_and_says_how_much_they_catch():
    found = listed("--budget", "0.1s")
    assert sum(case["seconds"] for case in found["cases"]) <= 0.1
    assert 0.5 * found["catchable"] < found["caught"] < found["catchable"]
    last = conformance("list", *OF_NUMPY, "--budget", "0.1").output.splitlines()[-1]
    assert last.endswith(f"they catch {found['caught']:,} of {found['catchable']:,} mistakes")


def test_a_case_that_is_known_to_fail_or_was_refused_is_not_chosen(tmp_path):
    first, second = (case["id"] for case in listed("--case", "cell/*")["cases"][:2])
    (tmp_path / "numpy.yaml").write_text(f"- {{cases: ['{first}'], reason: r, versions: {{numpy: '>=1'}}}}\n")
    header = {"suite": "1", "vectors": "v", "cases": 1, "selection": "s", "adapters": {"numpy": {}}}
    refused = {"case": second, "adapter": "numpy", "dtype": "float32", "outcome": "unsupported"}
    lines = [{"kind": "header", "format": 2} | header, {"kind": "result"} | refused, {"kind": "footer", "results": 1}]
    (tmp_path / "refused.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = listed("--case", "cell/*", "--deviations", str(tmp_path), "--times", str(tmp_path / "refused.jsonl"))
    assert not {first, second} & {case["id"] for case in found["cases"]}
    assert found["cases"]


@pytest.mark.slow  # seven commands
def test_a_run_asks_each_adapter_for_its_own_and_its_parts_and_the_gate_know_that(tmp_path):
    cases = ("--case", "lengths/*")
    wanted = [case["id"] for case in listed(*cases)["cases"]]
    whole, *parts = (tmp_path / name for name in ("whole.jsonl", "1.jsonl", "2.jsonl"))
    done = conformance("run", *OF_NUMPY, *cases, "-o", whole)
    assert done.exit_code == 0, done.output
    assert f"numpy: {len(wanted)} quick of " in done.output
    assert matrix_row(done.output, "lengths")[1].startswith(f"{len(wanted)}/0/0")
    header, *results, _ = map(json.loads, whole.read_text().splitlines())
    assert {result["case"] for result in results} == set(wanted)
    assert header["quick"]["numpy"]["cases"] == len(wanted) < header["cases"]
    for n, part in enumerate(parts, 1):
        assert conformance("run", *OF_NUMPY, *cases, "--shard", f"{n}/2", "-o", part).exit_code == 0
    again = conformance("run", *OF_NUMPY, *cases, "--shard", "2/2", "-o", parts[1], "--resume")
    assert "0 to go" in again.output
    assert conformance("merge", *parts, "-o", tmp_path / "merged.jsonl").exit_code == 0
    assert conformance("gate", whole, tmp_path / "merged.jsonl").exit_code == 0
    page = conformance("report", whole, "--format", "markdown", "-o", tmp_path / "r.md")
    assert page.exit_code == 0, page.output
    assert "cases are here" not in (tmp_path / "r.md").read_text()
    full = tmp_path / "full.jsonl"
    assert conformance("run", "--adapter", "numpy", *cases, "-o", full).exit_code == 0
    refused = conformance("merge", whole, full, "-o", tmp_path / "no.jsonl")
    assert "whole.jsonl is of a quick run, " in refused.output
    refused = conformance("run", "--adapter", "numpy", *cases, "-o", whole, "--resume")
    assert "cannot be resumed: it is a quick run" in refused.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--budget", "30s"], "--budget is about --quick: give that, too"),
        (["run", "--times", __file__], "--times is about --quick: give that, too"),
        (["run", "--quick", "--budget", "soon"], "'soon' is not a time; give seconds, as in 30s"),
        (["list", "--quick"], "--quick and --adapter NAME go together"),
        (["list", "--adapter", "numpy"], "--quick and --adapter NAME go together"),
        (["generate", "--check", "--catches"], "different jobs: give one of them"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments, said):
    done = conformance(*arguments)
    assert done.exit_code == 2
    assert said in done.output


def test_without_a_table_there_is_no_quick_run(suite):
    done = conformance("run", *OF_NUMPY, "--specs", suite.specs, "--vectors", suite.vectors)
    assert done.exit_code == 2
    assert "catches.xz: cannot be read: " in done.output
    assert "without it there is no --quick: it is for the suite's own cases" in done.output


SOME = ("cell/step-f32-both-states", "lengths/unsorted-reverse-f32", "lengths/stack-bidirectional-f32")
FEW = ["recurrent-product:dropped:all:always", "final-h:negated:direction-reverse:always"]


@pytest.mark.slow
def test_a_table_is_brought_up_to_date_and_a_check_knows_what_is_not(tmp_path):
    folders = default_folders()
    cases = select_cases(folders.specs, SOME)
    empty = catches.table(measure.SEED, [], FEW, {})
    made = measure.up_to_date(empty, cases, folders.vectors, folders.deviations, jobs=1)
    for path in (folders.vectors / name for name in ("cell", "lengths")):
        shutil.copytree(path, tmp_path / path.name)
    shutil.copy(folders.vectors / "MANIFEST.json", tmp_path)

    def found(table: catches.Catches) -> str:
        catches.write(tmp_path, table)
        return "".join(measure.problems(cases, tmp_path, 1, jobs=1))

    assert found(made) == ""
    assert set(made.mistakes) > set(FEW)
    assert all(made.of(list(made.rows)).any(axis=1))
    _, *others = made.rows
    less = replace(made, rows={key: n for n, key in enumerate(others)}, levels=made.levels[1:])
    assert "catches.xz: of other cases; bring it up to date with: conformance generate --catches" in found(less)
    renamed = replace(made, catalogue=("new-name", *made.catalogue[1:]))
    assert "catches.xz: of other mistakes; bring it up to date with" in found(renamed)
    for old in (less, renamed):
        again = measure.up_to_date(old, cases, folders.vectors, folders.deviations, jobs=1)
        assert again.catalogue == made.catalogue
        assert np.array_equal(again.levels, made.levels)
    levels = made.levels.copy()
    column = int(np.flatnonzero(levels[0])[0])
    levels[0, column] = 4 - levels[0, column] if levels[0, column] != 2 else 3
    wrong = found(replace(made, levels=levels))
    assert f"shows {made.mistakes[column]} with level {made.levels[0, column]}, stored is {levels[0, column]}" in wrong
