"""The gate between two runs: what closes it, what does not, and what it refuses to compare."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from command_line import conformance
from harness import install_broken_adapters

from conformance.case.errors import ConformanceError
from conformance.cli import main
from conformance.engines.requirements import bare, own
from conformance.results.gate import Gate, essence, gate
from conformance.results.reading import Results, read_results
from conformance.results.record import Header, Record, RecordedSuspect
from conformance.run.environments import companions, parsed
from conformance.views import gate as view


@pytest.fixture(scope="module")
def runs(suite, tmp_path_factory) -> dict[str, Path]:
    """The results of one adapter whose framework is right, coarser, wrong, ... (broken_adapters/lstm_aging.py)."""
    folder = tmp_path_factory.mktemp("runs")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        install_broken_adapters(patch)
        for release in ("right", "coarser", "wrong", "crashing", "refusing"):
            patch.setenv("LSTM_AGING", release)
            found[release] = folder / f"{release}.jsonl"
            done = conformance("run", "--adapter", "aging", "--case", "tiny/*", "-o", found[release], *suite.folders)
            assert done.exit_code == (release in ("wrong", "crashing")), done.output
    return found


def compared(runs: dict[str, Path], before: str, after: str, **terms: Any) -> Gate:
    return gate(read_results(runs[before]), read_results(runs[after]), **terms)


@pytest.mark.parametrize("release", ["right", "coarser", "wrong", "crashing", "refusing"])
def test_the_same_run_twice_is_an_open_gate(runs, release):
    found = compared(runs, release, release)
    assert (found.closed, found.changes, found.compared, found.new) == (False, (), 5, 0)


def test_noise_eight_times_as_large_that_still_passes_is_drift(runs):
    before, after = (read_results(runs[release]) for release in ("right", "coarser"))
    assert all(record.outcome == "passed" for record in after.records), "the worsened adapter has to pass"
    found = gate(before, after)
    assert found.closed
    assert {change.kind for change in found.changes} == {"drift"}
    assert {change.after.case for change in found.changes} >= {"tiny/plain-f32", "tiny/reverse"}
    assert "tiny/plain-f64" not in {change.after.case for change in found.changes}
    assert all(4 < change.factor < 9 for change in found.changes)
    assert not gate(before, after, drift=20).closed
    assert not compared(runs, "coarser", "right").closed


def test_a_newly_wrong_case_is_named_with_its_mistake(runs):
    done = conformance("gate", runs["right"], runs["wrong"])
    assert done.exit_code == 1
    assert done.output.startswith("aging right -> wrong\n")
    (row,) = [line for line in done.output.splitlines() if "tiny/lengths" in line]
    assert row.startswith("│newly failing")
    assert "looks like lengths-ignored" in row
    assert done.output.endswith("5 results compared: 1 newly failing. The gate is closed.\n")
    back = conformance("gate", runs["wrong"], runs["right"])
    assert back.exit_code == 0
    assert back.output.endswith("5 results compared: 1 newly passing. The gate is open.\n")


@pytest.mark.parametrize(
    ("release", "kind", "case"),
    [("crashing", "newly crashing", "tiny/stack"), ("refusing", "newly unsupported", "tiny/reverse")],
)
def test_what_is_not_answered_any_more_closes_the_gate(runs, release, kind, case):
    found = compared(runs, "right", release)
    assert found.closed
    assert [(change.kind, change.after.case) for change in found.changes] == [(kind, case)]


def test_what_was_refused_and_is_wrong_now_is_newly_failing():
    refused, wrong = a_record(outcome="unsupported"), a_record(outcome="failed")
    assert kinds([refused], [wrong]) == ["newly failing"]
    assert kinds([wrong], [refused]) == ["newly unsupported"]
    assert kinds([refused], [a_record(noise=1.0)]) == ["newly supported"]


def test_a_failure_of_another_kind_is_told_and_closes_only_if_it_crashes():
    one, other, either = (
        a_record(outcome="failed", suspects=[RecordedSuspect(mistakes=(name,), how="reproduces") for name in names])
        for names in (["peephole-ignored"], ["clip-ignored"], ["clip-ignored", "peephole-ignored"])
    )
    assert kinds([one], [either]) == kinds([either], [one]) == []
    assert kinds([one], [a_record(outcome="failed")]) == ["fails differently"]
    assert kinds([one], [other]) == ["fails differently"]
    (row,) = view.rows(gate(results([one]), results([other])), everything=True)
    assert row.why == "looks like clip-ignored, before like peephole-ignored"
    assert not gate(results([one]), results([other])).closed
    assert kinds([one], [one.model_copy(update={"noise": 1e9})]) == []
    assert kinds([one], [a_record(outcome="crashed")]) == ["newly crashing"]
    assert kinds([a_record(outcome="crashed")], [a_record(outcome="timed out")]) == ["fails differently"]
    assert kinds([a_record(outcome="crashed")], [one]) == ["fails differently"]


def test_little_noise_may_grow_to_a_little_more():
    assert kinds([a_record(noise=0.01)], [a_record(noise=1.9)]) == []
    assert kinds([a_record(noise=0.01)], [a_record(noise=2.1)]) == ["drift"]
    assert kinds([a_record(noise=2.0)], [a_record(noise=7.9)]) == []


def test_a_coarser_precision_than_before_is_drift_however_little_its_noise():
    """An adapter that declares what its framework computes in: noise 1 in bfloat16 is 65536 times that in float32."""
    fine, coarse = a_record(noise=2.0, precision="float32"), a_record(noise=1.0, precision="bfloat16")
    (change,) = gate(results([fine]), results([coarse])).changes
    assert (change.kind, change.factor) == ("drift", 32768)
    (row,) = view.rows(gate(results([fine]), results([coarse])), everything=True)
    assert row.change == "passed 2 float32 -> passed 1 bfloat16"
    assert kinds(essence([fine]), [coarse]) == kinds([fine], essence([coarse])) == ["drift"]
    assert kinds([coarse], [fine]) == kinds([coarse], [coarse]) == []


KNOWN: dict[str, Any] = {"reason": "clips late", "link": "https://example.org/1"}


def test_a_known_deviation_closes_the_gate_unless_it_is_accepted():
    now = a_record(outcome="failed", deviation=KNOWN)
    strict, lenient = (gate(results([a_record()]), results([now]), accept_known=accept) for accept in (False, True))
    assert strict.closed
    assert not lenient.closed
    assert [change.accepted for change in lenient.changes] == [True]
    nobody_wrote_it_down = a_record(outcome="failed", unexpected=True, deviation=KNOWN)
    assert gate(results([a_record()]), results([nobody_wrote_it_down]), accept_known=True).closed


def test_a_new_case_closes_the_gate_only_if_it_is_wrong():
    old = a_record()
    found = gate(results([old]), results([old, a_record(case="f/new"), a_record(case="f/off", outcome="unsupported")]))
    assert (found.closed, found.new, found.changes) == (False, 2, ())
    assert kinds([old], [old, a_record(case="f/new", outcome="failed")]) == ["newly failing"]


def test_adapters_are_matched_wherever_they_ran():
    before, after = a_record(adapter="old:torch@cuda"), a_record(adapter="torch@cuda", noise=9.0)
    assert kinds([before], [after]) == ["drift"]
    with pytest.raises(ConformanceError, match=r"the adapter torch@cuda of before\.jsonl has vanished"):
        kinds([before], [a_record(adapter="torch")])
    with pytest.raises(ConformanceError, match="has an adapter at several places"):
        kinds([before, a_record(adapter="torch@cuda")], [after])


# Refused


def test_vanished_cases_are_refused():
    one, two = a_record(), a_record(case="f/two")
    with pytest.raises(ConformanceError, match=r"after.jsonl: 1 result of before.jsonl missing: f/two with numpy"):
        kinds([one, two], [one])


def test_other_vectors_and_a_cut_file_are_refused(runs, tmp_path):
    text = runs["right"].read_text()
    for change, message in (
        (lambda: text.replace('"vectors": "', '"vectors": "0'), "was held to other golden vectors than"),
        (lambda: text[: text.rindex("{")], "the run was interrupted after 5 results; finish it with"),
        (lambda: "nonsense\n", ":1: not a line of a results file"),
    ):
        other = tmp_path / "other.jsonl"
        other.write_text(change())
        for pair in ((runs["right"], other), (other, runs["right"])):
            done = conformance("gate", *pair)
            assert done.exit_code == 2
            assert message in done.stderr
            assert done.stdout == ""


# What it writes


def test_markdown_junit_and_json_say_the_same(runs, tmp_path):
    written = tmp_path / "gate.md", tmp_path / "gate.xml"
    done = conformance("gate", runs["right"], runs["wrong"], "--json", "--markdown", written[0], "--junit", written[1])
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["closed"] is True
    assert [change["case"] for change in told["changes"]] == ["tiny/lengths"]
    assert "## LSTM gate: closed" in written[0].read_text()
    assert "| **newly failing** | aging | <code>tiny/lengths</code> | passed" in written[0].read_text()
    (failure,) = ElementTree.parse(written[1]).getroot().iter("failure")
    assert "lengths-ignored" in failure.text
    conformance("gate", runs["right"], runs["right"], "--junit", written[1])
    assert ElementTree.parse(written[1]).getroot().attrib == {"tests": "1", "failures": "0"}


def test_many_of_a_family_are_counted_unless_all_are_asked_for(runs, tmp_path):
    short = conformance("gate", runs["right"], runs["coarser"])
    long = conformance("gate", runs["right"], runs["coarser"], "--all")
    assert short.output.count("│drift") == 4
    assert "tiny/... 1 more" in short.output
    assert long.output.count("│drift") == 4
    assert "more" not in long.output


def test_a_baseline_is_small_and_gates_like_what_it_was_made_of(runs, tmp_path):
    path = tmp_path / "baseline.jsonl"
    assert conformance("baseline", runs["wrong"], "-o", path).exit_code == 0
    kept = read_results(path)
    assert kept.complete
    assert all(record.message is None and record.profile is None and record.seconds == 0 for record in kept.records)
    assert [record.case for record in kept.records] == sorted(record.case for record in kept.records)
    assert gate(kept, read_results(runs["wrong"])).changes == ()
    assert [change.kind for change in gate(kept, read_results(runs["right"])).changes] == ["newly passing"]
    assert all(len(line) < 130 for line in path.read_text().splitlines() if "passed" in line)
    assert essence(kept.records) == list(kept.records)


# Environments


def test_what_an_adapter_needs_beside_its_package_is_known():
    assert [parsed(text)[0].name for text in companions("onnxruntime")] == ["onnx"]
    assert companions("torch") == []
    assert companions("a-package-nobody-has") == []
    assert "numpy>=2.0" in map(bare, own())
    assert not any("pytest" in requirement for requirement in map(bare, own()))


def test_an_upgrade_compares_versions_of_the_same_packages():
    found = CliRunner().invoke(main, ["upgrade", "numpy==2.3.5", "Torch==2.13.0 numpy==2.4.6"])
    assert found.exit_code == 2
    assert "the same packages; only one of them has torch" in found.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((text, "requirement") for text in ("", "torch=2", "==")),
        ("not-there/acme-1.0-py3-none-any.whl", "there is no wheel not-there/acme-1.0-py3-none-any.whl"),
        ("acme.whl", "Invalid wheel filename"),
    ],
)
def test_what_is_no_requirement_is_refused(text, message):
    with pytest.raises(ConformanceError, match=message):
        parsed(text)


# Made by hand, where a run would not come to it


def a_record(**fields: Any) -> Record:
    return Record(**({"case": "f/one", "adapter": "numpy", "dtype": "float32", "outcome": "passed"} | fields))


def results(records: list[Record], path: str = "after.jsonl") -> Results:
    adapters: Any = {record.adapter: {} for record in records}
    header: Any = {"suite": "1", "vectors": "v", "cases": len(records), "selection": "s", "adapters": adapters}
    return Results(Path(path), Header(**header), tuple(records), complete=True, size=0)


def kinds(before: list[Record], after: list[Record]) -> list[str]:
    earlier = replace(results(before), path=Path("before.jsonl"))
    return [change.kind for change in gate(earlier, results(after)).changes]
