"""Wrong answers are grouped by their cause, over all adapters: one bug, its cases, and every route that shows it."""

import re
from pathlib import Path

import pytest
from reports import acme_records, content, labelled, right_records, written

from conformance.report.causes import Cause
from conformance.report.columns import slug
from conformance.report.content import Content
from conformance.results.record import Record, RecordedDeviation, RecordedSuspect

CASE = "lengths/unsorted-forward-f32"


def known(adapter: str, case: str, reason: str, *mistakes: str, repro: str | None = "repro/engine.py") -> Record:
    deviation = RecordedDeviation(reason=reason, mistake=mistakes, repro=repro, versions={"engine": "<=1.2"})
    return Record(case=case, adapter=adapter, dtype="float32", outcome="failed", deviation=deviation, noise=40.0)


def wrong(adapter: str, case: str, *suspects: tuple[str, ...], outcome: str = "failed", said: str = "") -> Record:
    return Record(
        case=case,
        adapter=adapter,
        dtype="float32",
        outcome=outcome,
        unexpected=True,
        message=f"{outcome.upper()} {case} [{adapter}]\n  {said}\n  again: conformance run --case {case}",
        suspects=tuple(RecordedSuspect(mistakes=names, how="reproduces") for names in suspects) or None,
    )


def causes(tmp_path: Path, *records: Record) -> tuple[Cause, ...]:
    return content(written(tmp_path / "some.jsonl", records)).causes


def routes(found: tuple[Cause, ...]) -> dict[str, list[tuple[str, int]]]:
    return {cause.address: [(part.column.name, len(part.records)) for part in cause.parts] for cause in found}


def test_a_bug_is_one_cause_on_every_route_on_which_it_shows(tmp_path):
    found = causes(
        tmp_path,
        known("engine", "cell/a", "the sigmoid is coarse", "coarse-sigmoid"),
        known("engine", "cell/b", "the sigmoid is coarse", "coarse-sigmoid"),
        known("exporter", "cell/a", "engine: the sigmoid is coarse", "coarse-sigmoid"),
        known("exporter", "cell/c", "coarse, and the lengths are ignored", "lengths-ignored", "coarse-sigmoid"),
        known("exporter", "cell/d", "it is so coarse that h is 0, which no mistake tells"),
        known("other", "cell/a", "another sigmoid is coarse", "coarse-sigmoid", repro="repro/other.py"),
    )
    assert routes(found) == {
        "cause/known/engine/coarse-sigmoid": [("engine", 2), ("exporter", 3)],
        "cause/known/other/coarse-sigmoid": [("other", 1)],
    }
    assert found[0].title == "the sigmoid is coarse"  # not the entry that tells of two bugs, nor the one of none
    assert found[0].scripts == ("repro/engine.py",)
    assert [count for _, count in found[0].entries] == [2, 1, 1, 1]
    assert found[0].entries[0][0].reason == "the sigmoid is coarse"


def test_a_script_that_shows_several_bugs_has_a_cause_for_each(tmp_path):
    found = causes(
        tmp_path,
        known("engine", "cell/a", "clip turns NaN into its bound", "nan-lost-in-clip"),
        known("engine", "cell/b", "Relu of NaN is 0", "nan-lost-in-relu"),
        known("engine", "cell/c", "NaN is lost, and no mistake tells where"),
    )
    assert set(routes(found)) == {
        "cause/known/engine/nan-lost-in-clip",
        "cause/known/engine/nan-lost-in-relu",
        "cause/known/engine",
    }


def test_without_a_script_the_link_or_the_reason_tells_bugs_apart(tmp_path):
    records = [known("a", "cell/a", "one", repro=None), known("b", "cell/a", "one", repro=None)]
    assert [len(cause.parts) for cause in causes(tmp_path, *records, known("b", "cell/b", "two", repro=None))] == [2, 1]


def test_everything_unexpected_and_every_known_deviation_has_one_cause(acme, right):
    found = content(acme, right)
    of = [(part.column.name, record.case) for c in found.causes for part in c.parts for record in part.records]
    wanted = [("acme", record.case) for record in acme_records() if record.unexpected or record.known]
    assert sorted(of) == sorted(wanted)
    assert [cause.status for cause in found.causes] == ["unexpected"] * 5 + ["xpass", "known"]
    first = found.causes[0]
    assert (first.title, first.count, first.address) == (
        "looks like gates-ifgo-read-as-iofg",
        4,
        "cause/unexpected/gates-ifgo-read-as-iofg",
    )
    assert first.parts[0].again == "conformance run --adapter acme --case stack/plain-layers2-bidirectional-f32"
    assert first.parts[0].noise == max(r.noise for r in first.records if r.noise is not None)
    assert found.causes[-1].links == ("https://example.org/acme/issues/1",)


def test_of_several_mistakes_that_fit_it_is_the_one_that_most_failures_look_like(tmp_path):
    one, other = ("lengths-ignored",), ("padding-leaks",)
    records = [wrong("a", "cell/a", one, other), wrong("a", "cell/b", other), wrong("a", "cell/c", other, one)]
    (found,) = causes(tmp_path, *records)
    assert found.mistakes == other
    assert found.likely == (("lengths-ignored", 2),)
    assert found.doubt == "lengths-ignored in 2 cases"
    # How another adapter fails does not change that.
    assert routes(causes(tmp_path, *records, *(wrong("b", f"cell/{n}", one) for n in "abcd"))) == {
        "cause/unexpected/lengths-ignored": [("b", 4)],
        "cause/unexpected/padding-leaks": [("a", 3)],
    }


def test_an_error_is_one_cause_whatever_its_sizes_and_a_crash_is_its_adapters_own(tmp_path):
    found = causes(
        tmp_path,
        wrong("a", "cell/a", outcome="errored", said="ValueError: shape (3, 4) at 0x7f00"),
        wrong("a", "cell/b", outcome="errored", said="ValueError: shape (5, 6) at 0x7e10"),
        wrong("b", "cell/a", outcome="errored", said="ValueError: shape (7, 8) at 0x7e10"),
        wrong("b", "cell/b", outcome="errored", said="ValueError: no kernel"),
        wrong("a", "cell/c", outcome="crashed", said="the worker process ended: Segmentation fault"),
        wrong("b", "cell/c", outcome="crashed", said="the worker process ended: Segmentation fault"),
    )
    assert [[(part.column.name, len(part.records)) for part in cause.parts] for cause in found] == [
        [("a", 2), ("b", 1)],
        [("a", 1)],
        [("b", 1)],
        [("b", 1)],
    ]
    assert found[0].title == "errored: ValueError: shape (3, 4) at 0x7f00"


def test_failures_that_look_like_nothing_are_grouped_by_what_they_share(tmp_path):
    def outcome(case):
        return "crashed" if case.peephole and case.B > 3 else "failed" if case.calls else "passed"

    path = written(tmp_path / "two.jsonl", [*labelled("a", outcome)[::6], *labelled("b", outcome)[::6]])
    found = content(path).causes
    assert all(len(cause.parts) == 2 for cause in found)
    crashed, failed = sorted(cause.title for cause in found)
    assert failed == "failed; the cases have calls"
    assert re.fullmatch(r"crashed; the cases have peephole, B of at least [45]", crashed)


def test_an_unexpected_failure_is_led_to_the_known_deviation_that_is_the_same_mistake(tmp_path):
    records = [
        known("engine", "cell/a", "coarse", "coarse-sigmoid"),
        wrong("other", "cell/a", ("coarse-sigmoid",)),
        wrong("other", "cell/b", ("lengths-ignored",)),
    ]
    found = content(written(tmp_path / "some.jsonl", records))
    led = {cause.address: [other.address for other in found.known_as(cause)] for cause in found.causes}
    assert led == {
        "cause/unexpected/coarse-sigmoid": ["cause/known/engine/coarse-sigmoid"],
        "cause/unexpected/lengths-ignored": [],
        "cause/known/engine/coarse-sigmoid": [],
    }


def test_addresses_are_distinct_safe_and_the_same_in_every_report(tmp_path):
    records = [wrong("a b", "cell/a", outcome="errored", said=f"Error: {letter * 300} <x>") for letter in "xy"]
    records[1] = records[1].model_copy(update={"case": "cell/b"})
    records.append(wrong("a-b", "cell/c", outcome="errored", said="Error: ä"))
    found = content(written(tmp_path / "some.jsonl", records))
    addresses = [cause.address for cause in found.causes] + [column.address for column in found.columns]
    assert len(set(addresses)) == 5
    assert all(re.fullmatch(r"[\w.@+:/-]+", address, re.ASCII) for address in addresses)
    assert "adapter/a-b" in addresses
    assert {cause.address for cause in causes(tmp_path, records[2])} <= set(addresses)
    taken: set[str] = set()
    assert [slug(name, taken) for name in ("torch@cuda", "torch@cuda", "gpu:torch")] == [
        "torch@cuda",
        "torch@cuda-2",
        "gpu:torch",
    ]


def test_the_facts_of_an_adapter_are_those_of_its_results(tmp_path):
    def outcome(case):
        return "unsupported" if case.P or case.dtype == "float64" else "passed"

    records = labelled("acme", outcome)[::6]
    slow = next(record for record in records if record.outcome == "passed")
    records = [r.model_copy(update={"seconds": 2.0 if r is slow else 0.001}) for r in records]
    records = [
        r.model_copy(
            update={"message": f"UNSUPPORTED {r.case}\n  acme has no {'f64' if r.dtype == 'float64' else 'P'}"}
        )
        if r.outcome == "unsupported"
        else r
        for r in records
    ]
    found = content(written(tmp_path / "acme.jsonl", records))
    facts = found.facts(found.columns[0])
    refused = {option.text: option.of for option in facts.refused}
    assert refused["projection"] == sum(found.cases[r.case].P is not None for r in records)
    assert refused["dtype float64"] == sum(r.dtype == "float64" for r in records)
    assert "dtype float32" in {option.text for option in facts.answered if 0 < option.answered < option.of}
    assert "dtype float16" in {option.text for option in facts.answered}
    assert "x" not in {option.text for option in facts.answered}  # which every case has
    assert dict(facts.reasons)["acme has no f64"] == refused["dtype float64"]
    assert sum(count for _, count in facts.reasons) == sum(r.outcome == "unsupported" for r in records)
    assert facts.slowest[0].case == slow.case and len(facts.slowest) == 8


def test_without_the_specs_the_facts_leave_out_options(tmp_path):
    from conformance.results.reading import read_results

    found = Content([read_results(written(tmp_path / "right.jsonl", right_records()))])
    facts = found.facts(found.columns[0])
    assert facts.answered == facts.refused == ()
    assert facts.slowest


@pytest.mark.parametrize("outcome", ["failed", "crashed"])
def test_a_failure_without_a_message_has_a_cause_too(tmp_path, outcome):
    record = Record(case=CASE, adapter="a", dtype="float32", outcome=outcome, unexpected=True)
    (found,) = causes(tmp_path, record)
    assert found.title == outcome
    assert found.parts[0].again is None
