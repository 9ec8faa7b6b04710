"""What all kinds of report have in common: how results are counted, told as stories and set side by side."""

from reports import acme_records, content, right_records, written

from conformance.report.columns import story_of


def test_results_are_counted_by_what_they_mean(acme, right):
    found = content(acme, right)
    assert found.count == 26
    # Of acme: 5 wrong answers, an error, a crash, a hang, and a deviation that does not show.
    assert dict(found.total.counts) == {"unexpected": 8, "xpass": 1, "known": 3, "passed": 13, "unsupported": 1}
    assert found.total.surprises == 9
    assert found.headline == "9 unexpected of 26 results"
    assert found.complete
    assert content(right).headline == "Nothing unexpected in 13 results"
    assert found.totals["right"].noise == max(record.noise for record in right_records())
    assert found.cells["lengths", "acme"]["known"] == 3


def test_a_story_names_mistakes_that_cannot_be_told_apart():
    record = next(record for record in acme_records() if record.suspects)
    first = record.suspects[0]

    def story(*mistakes: tuple[str, ...]) -> str:
        suspects = tuple(first.model_copy(update={"mistakes": each}) for each in mistakes)
        return story_of(record.model_copy(update={"suspects": suspects}))

    assert story(("one", "two")) == "failed; looks like one with two"
    assert story(("one",), ("two",)) == "failed; cannot be told apart: one or two"
    assert story(*[(name,) for name in "abcde"]) == "failed; cannot be told apart: a or b or c or 2 others"


def test_what_is_missing_is_said(tmp_path, acme):
    cut = written(tmp_path / "cut.jsonl", right_records()[:4], complete=False, cases=13)
    found = content(cut, acme)
    assert not found.complete
    assert found.notes == (f"{cut}: the run was interrupted after 4 results", "right: 4 of 13 cases are here")


def test_one_adapter_in_two_versions_has_two_columns_and_in_two_shards_one(tmp_path):
    records = right_records()
    before = written(tmp_path / "before.jsonl", records)
    after = written(tmp_path / "after.jsonl", records, version="2.0")
    found = content(before, after)
    assert [(c.name, c.version) for c in found.columns] == [
        ("right (before.jsonl)", "1.0"),
        ("right (after.jsonl)", "2.0"),
    ]
    shards = [written(tmp_path / f"{n}.jsonl", records[n::2], cases=len(records)) for n in (0, 1)]
    found = content(*shards)
    assert [(c.name, len(c.records)) for c in found.columns] == [("right", len(records))]
    assert found.complete
    assert not content(shards[0]).complete
