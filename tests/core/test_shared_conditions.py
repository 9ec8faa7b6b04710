"""What failing cases have in common and passing ones lack: found, worded, and not made up."""

import itertools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from reports import cases, labelled

from conformance.case.model import Case
from conformance.cli import main
from conformance.results.reading import read_results
from conformance.results.record import Record, Shared
from conformance.results.shared import search
from conformance.results.shared.conditions import CaseConditions
from conformance.results.shared.find import shared_by_unexpected
from conformance.results.shared.search import conjunctions
from conformance.results.shared.wording import as_text

CONDITIONS = CaseConditions(cases().values())


def found(outcome_of: Callable[[Case], str]) -> tuple[Shared, ...]:
    return shared_by_unexpected("acme", labelled("acme", outcome_of), CONDITIONS)


def told(is_wrong: Callable[[Case], object]) -> str:
    """What is said of an adapter that is wrong in some of the shipped cases."""
    return "\n".join(map(as_text, found(lambda case: "failed" if is_wrong(case) else "passed")))


# Adapters that are wrong under some conditions


@dataclass(frozen=True)
class Ran:
    stdout: str
    file: Path

    def told(self, adapter: str) -> str:
        """The lines about the adapter and those below them, with N for each number that the specs decide."""
        lines = iter(self.stdout.splitlines())
        below = itertools.dropwhile(lambda line: not line.startswith(f"{adapter}: "), lines)
        own = itertools.takewhile(lambda line: line.startswith((f"{adapter}: ", "  ")), below)
        return "\n".join(re.sub(r"\b\d+(?= (of the|of these|cases|that|have) )", "N", line) for line in own)


@pytest.fixture
def run(tmp_path, broken_adapters) -> Callable[[str], Ran]:
    def ran(adapter: str) -> Ran:
        file = tmp_path / f"{adapter}.jsonl"
        families = ("batch", "cell", "direction", "sequence", "onnx-exports")
        of_lengths = (f"lengths/{name}-*" for name in ("unsorted", "zero", "all-short", "no-states"))
        patterns = [
            part for name in (*of_lengths, *(f"{family}/*" for family in families)) for part in ("--case", name)
        ]
        arguments = ["run", "--adapter", adapter, "--in-process", "-o", str(file), *patterns]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 1, result.output
        return Ran(result.stdout, file)

    return ran


def test_a_run_says_what_all_failures_share_with_the_numbers_and_the_name(run):
    first, *numbers = run("ignores-lengths").told("ignores-lengths").splitlines()
    both = "all N cases that failed have lengths and B of at least 4; none of the N that passed has both"
    assert first == f"ignores-lengths: {both}"
    passed = "N have lengths and N have B of at least 4; with the other conditions, B goes up to 3"
    assert numbers[0] == f"  of those that passed, {passed}"
    assert numbers[1].startswith("  all of these look like lengths-ignored")
    assert numbers[2:] == ["  these fit as well: lengths and I of at most 3"]


def test_a_run_names_both_of_two_bugs(run):
    told = run("two-bugs").told("two-bugs")
    assert "two-bugs: N of the N cases that failed have lengths and B of at least 4; none of the N that passed" in told
    assert "two-bugs: N of the N cases that failed have direction reverse and dtype float16; none of the N that" in told
    assert "  N of these look like reverse-as-forward" in told


def test_each_way_to_be_wrong_is_looked_at_on_its_own(run):
    told = run("raises-and-fails").told("raises-and-fails")
    assert "raises-and-fails: all N cases that errored have lengths and B of at least 4; none of the N" in told
    assert "raises-and-fails: all N cases that failed have direction reverse and dtype float16; none of the N" in told


def test_where_nothing_passes_nothing_tells_the_failures_apart(run):
    assert run("wrong-everywhere").told("wrong-everywhere") == (
        "wrong-everywhere: all N cases failed; none passed, so nothing tells them apart"
    )


def test_what_most_failures_look_like_is_said_where_no_condition_tells_them_apart(tmp_path):
    ran = tmp_path / "r.jsonl"
    (tmp_path / "swaps.py").write_text(
        "from dataclasses import replace\n"
        "from conformance.adapters.numpy_reference import NumpyReference\n"
        "class Swaps(NumpyReference):\n"
        "    name = 'swaps'\n"
        "    def run(self, case, weights, inputs):\n"
        "        found = super().run(case, weights, inputs)\n"
        "        return found | {'h_n': found['c_n'], 'c_n': found['h_n']}\n"
    )
    arguments = ["run", "--adapter", f"{tmp_path / 'swaps.py'}:Swaps", "--in-process", "-o", str(ran)]
    done = CliRunner().invoke(main, [*arguments, "--case", "sequence/short-*", "--case", "batch/*f32*"])
    assert re.search(
        r"all \d+ cases failed; none passed, so nothing tells them apart\n  all of these look", done.stdout
    )
    assert "final-h-and-c-swapped" in done.stdout
    (shared,) = read_results(ran).footer.shared
    assert shared.named == shared.failing
    some = shared.model_copy(update={"passed": 2, "named": 4, "failing": 7})
    assert as_text(some).splitlines()[0].endswith("no condition tells the 7 cases that failed from the 2 that passed")
    assert as_text(some).splitlines()[1].startswith("  4 of these look like ")


def test_of_one_failure_nothing_is_said(run):
    ran = run("wrong-once")
    assert ran.told("wrong-once") == ""
    assert '"shared"' not in ran.file.read_text()


def test_the_results_file_ends_with_what_is_printed(run):
    ran = run("scans-forward")
    results = read_results(ran.file)
    assert results.footer is not None
    (shared,) = results.footer.shared
    assert as_text(shared) in ran.stdout
    assert (shared.adapter, shared.outcomes, shared.failing, shared.explained) == ("scans-forward", ("failed",), 6, 6)
    (conjunction,) = shared.conditions
    assert [condition.text for condition in conjunction.conditions] == ["direction reverse", "dtype float16"]
    assert [condition.key for condition in conjunction.conditions] == ["direction", "dtype"]
    passed = [cases()[record.case] for record in results.records if record.outcome == "passed"]
    assert [condition.passed for condition in conjunction.conditions] == [
        sum(case.direction == "reverse" for case in passed),
        sum(case.dtype == "float16" for case in passed),
    ]
    assert (conjunction.mistakes, conjunction.named, conjunction.passing) == (("reverse-as-forward",), 6, ())


# What is said of failures with known conditions, over all shipped cases


@pytest.mark.parametrize(
    ("is_wrong", "said"),
    [
        (lambda c: c.calls, "cases that failed have calls; none of"),
        (lambda c: c.dtype != "float32", "cases that failed have a dtype other than float32; none of"),
        (lambda c: c.T >= 9, "cases that failed have T of at least 9; none of"),
        (lambda c: c.poison and np.isnan(c.poison.value), "cases that failed have poison of value nan; none of"),
        (lambda c: c.H > 8 and c.H % 4, "cases that failed have H of at least 9 and H not divisible by 4; none of"),
        (lambda c: c.family == "saturation", "cases that failed have the family saturation; none of"),
        (lambda c: c.h0 is None and c.layers > 1, "cases that failed have no h0 and L of at least 2; none of"),
        (lambda c: c.gradients == "truncated", "cases that failed have gradients truncated; none of"),
        (
            lambda c: c.lengths and c.gradients and c.direction == "bidirectional",
            "cases that failed have direction bidirectional, gradients and lengths; none of",
        ),
    ],
)
def test_the_condition_of_a_bug_is_found(is_wrong, said):
    assert said in told(is_wrong)
    assert told(is_wrong).startswith("acme: all ")


def test_a_bug_that_does_not_show_in_every_case_is_told_with_the_cases_that_pass():
    hidden = next(case.id for case in cases().values() if case.peephole and case.direction == "reverse")
    text = told(lambda case: case.peephole and case.id != hidden)
    assert re.search(rf"all \d+ cases that failed have peephole; so does 1 of the [\d,]+ that passed: {hidden}", text)


def test_what_no_condition_explains_is_counted():
    odd = ["cell/step-f64-no-states", "sequence/longer-f32"]
    assert all(name in cases() for name in odd)
    text = told(lambda case: case.coupling or case.id in odd)
    assert re.search(r"\d+ of the \d+ cases that failed have coupling; none of the [\d,]+ that passed does", text)
    assert "acme: the other 2 are left unexplained" in text


def test_many_cases_that_pass_and_many_mistakes_are_not_all_named():
    (shared,) = found(lambda case: "failed" if case.peephole else "passed")
    (conjunction,) = shared.conditions
    update = {"passing": ("a/b", "a/c", "a/d", "a/e", "a/f"), "mistakes": (*"klmn",), "named": 2}
    changed = shared.model_copy(update={"conditions": (conjunction.model_copy(update=update),), "passed": 1000})
    assert "have peephole; so do 5 of the 1,000 that passed: a/b, a/c, a/d and 2 more\n" in as_text(changed)
    assert "  2 of these look like k, l, m or 1 more" in as_text(changed)


def test_known_deviations_are_neither_failures_nor_passes():
    (shared,) = found(lambda case: "known" if case.lengths else "failed" if case.peephole else "passed")
    assert shared.failing == sum(case.peephole and not case.lengths for case in cases().values())
    assert shared.failing + shared.passed == sum(not case.lengths for case in cases().values())


def test_a_result_of_a_case_that_is_not_there_is_no_ground_to_speak():
    records = labelled("acme", lambda case: "failed" if case.peephole else "passed")
    assert shared_by_unexpected("acme", records, CONDITIONS)
    stranger = records[0].model_copy(update={"case": "gone/long-ago"})
    assert shared_by_unexpected("acme", [*records, stranger], CONDITIONS) == ()


# What is not evidence


def test_of_failures_at_random_nothing_is_said():
    random = np.random.default_rng(7)
    for k in (3, 4, 6, 10, 30, 100, 300, 600):
        wrong = set(random.choice(sorted(cases()), k, replace=False))
        assert told(lambda case, wrong=wrong: case.id in wrong) == "", k


def test_the_evidence_is_not_more_than_chance_allows(monkeypatch):
    """Of all ways in which 4 of 12 cases can fail, no larger share is explained than the bits demanded leave."""
    monkeypatch.setattr(search, "LEAST_BITS", 6.0)
    random = np.random.default_rng(3)
    holds = random.random((6, 12)) < 0.4
    ways = list(itertools.combinations(range(12), 4))
    explained = 0
    for chosen in ways:
        failing = np.isin(np.arange(12), chosen)
        explained += bool(conjunctions(holds, failing, [0.0] * len(holds), [*"abcdef"]))
    assert 0 < explained <= 3 * 2**-6 * len(ways)  # for conjunctions of one, two and three conditions


def test_a_few_failures_in_a_small_run_are_no_evidence():
    some = [case for case in cases().values() if case.family == "cell"]
    wrong = {case.id for case in some if case.dtype == "bfloat16"}
    records = [Record(case=c.id, adapter="acme", dtype=c.dtype, outcome="passed") for c in some]
    failed = {"outcome": "failed", "unexpected": True}
    records = [record.model_copy(update=failed if record.case in wrong else {}) for record in records]
    assert len(wrong) >= 3
    assert shared_by_unexpected("acme", records, CaseConditions(some)) == ()


def test_it_takes_no_time_beside_a_run():
    conditions = CaseConditions(cases().values())
    records = labelled("acme", lambda case: "failed" if case.lengths and case.B > 3 else "passed")
    start = time.process_time()
    assert shared_by_unexpected("acme", records, conditions)
    assert time.process_time() - start < 1
