"""Each kind of report says what failing cases have in common."""

import re
from pathlib import Path

import junitparser
import pytest
from reports import cases, content, labelled, written

from conformance.case.model import Case
from conformance.report import page
from conformance.report.content import Content
from conformance.report.junit import junit
from conformance.report.markdown import markdown
from conformance.results.reading import read_results
from conformance.results.record import RecordedSuspect

FAILED = "cases that failed have lengths and B of at least 5; none of the"
KNOWN = "cases that failed have calls; none of the"


def outcome_of(case: Case) -> str:
    """An adapter with one unexpected bug and one known one."""
    if case.lengths and case.B > 4:
        return "failed"
    return "known" if case.calls else "passed"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def results(folder) -> Path:
    return written(folder / "acme.jsonl", labelled("acme", outcome_of))


@pytest.mark.slow
def test_the_page_says_it_of_unexpected_failures_and_of_known_deviations(results):
    text = re.sub(r"<[^>]+>", "", page.html(content(results)))
    assert text.count(FAILED) == 1  # the one group of failures does not say it again
    assert text.count(KNOWN) == 1
    assert "of those that passed, " in text


def test_a_group_of_failures_says_what_its_adapter_does_not(folder):
    """All share that they are not forward; those that ran out of memory are reverse on top of it."""
    records = []
    for record in labelled("acme", lambda c: "errored" if c.gradients and c.direction != "forward" else "passed"):
        why = "no memory" if cases()[record.case].direction == "reverse" else "no kernel"
        records.append(record.model_copy(update={"message": f"ERRORED\n  {why}"} if record.unexpected else {}))
    found = content(written(folder / "groups.jsonl", records))
    (shared,) = found.shared["acme"]
    assert [each.texts for each in shared.conditions] == [("gradients", "a direction other than forward")]
    groups = {cause.title: found.shared_in(*cause.parts) for cause in found.causes}
    said = {story: [each.texts for each in shared.conditions] for story, (shared,) in groups.items()}
    assert said == {
        "errored: no memory": [("direction reverse", "gradients")],
        "errored: no kernel": [("direction bidirectional", "gradients")],
    }


@pytest.mark.parametrize(
    "outcome",
    [
        lambda case: "errored" if case.dtype == "float16" else "failed" if case.peephole else "passed",
        lambda case: "failed" if case.dtype == "float16" or case.peephole else "passed",
        lambda case: "errored" if case.dtype == "float16" else "failed",  # none passes
    ],
)
def test_what_is_said_of_an_adapter_is_not_said_of_its_groups_again(folder, outcome):
    records = labelled("acme", outcome)
    for n, record in enumerate(records):
        if record.outcome == "failed":  # the two bugs have stories of their own
            name = "peephole-ignored" if cases()[record.case].peephole else "computed-in-bfloat16"
            suspect = RecordedSuspect(mistakes=(name,), how="reproduces")
            records[n] = record.model_copy(update={"suspects": (suspect,)})
    found = content(written(folder / "outcomes.jsonl", records))
    assert len(found.causes) > 1
    assert found.shared["acme"]
    assert not any(found.shared_in(part) for cause in found.causes for part in cause.parts)


def test_markdown_and_junit_say_it_of_what_is_unexpected(results):
    found = content(results)
    text = markdown(found)
    assert re.search(rf"^- acme: all \d+ {FAILED} [\d,]+ that passed has both$", text, re.MULTILINE)
    assert re.search(r"^  - of those that passed, \d+ have lengths and ", text, re.MULTILINE)
    assert KNOWN not in text
    (suite,) = junitparser.JUnitXml.fromstring(junit(found))
    assert FAILED in {property.name: property.value for property in suite.properties()}["shared 1"]


def test_shards_are_put_together_before_it_is_said(folder, results):
    records = labelled("acme", outcome_of)
    shards = [written(folder / f"shard-{n}.jsonl", records[n::2], cases=len(records)) for n in (0, 1)]
    assert content(*shards).shared == content(results).shared
    assert content(results).shared["acme"]


def test_without_the_specs_of_the_cases_nothing_is_said(results):
    found = Content([read_results(results)])
    assert found.shared == {"acme": ()}
    assert FAILED not in page.html(found)
