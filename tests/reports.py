"""Makes results files for the tests of the report: right and wrong answers, judged and diagnosed as in a run."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from conformance.case.load import load_specs
from conformance.case.model import Case
from conformance.case.outcomes import Crashed, Errored, Failed, Outcome, TimedOut, Unsupported
from conformance.case.tensors import Outputs
from conformance.golden.store import VectorStore
from conformance.golden.vector import Vector
from conformance.lstm.gradients import completed
from conformance.lstm.mistakes import BY_ID
from conformance.lstm.reference import Reference
from conformance.report.content import Content
from conformance.results.deviations import Deviation
from conformance.results.reading import read_results
from conformance.results.record import AdapterInfo, Header, Record, RecordedDeviation, selection_digest
from conformance.results.result import Result
from conformance.results.writing import write_results
from conformance.verdict.answer import Answer
from conformance.verdict.compare import judge
from conformance.verdict.diagnose import diagnose
from conformance.verdict.locate import locate
from conformance.verdict.profile import profile

ROOT = Path(__file__).parents[1]
NASTY = "</script><script>document.title = 'taken'</script><img src=x onerror=alert(1)> & \"'|`*\x1b[31m\x00 ]]> <!--"
"""What a framework may print that a page, XML or Markdown could take for markup."""
KNOWN = Deviation(
    cases=("lengths/*",),
    reason=f"the lengths are ignored {NASTY}",
    mistake=("lengths-ignored",),
    versions={"acme": ">=1"},
    repro="deviations/repro/acme.py",
    link="https://example.org/acme/issues/1",
)
CASES = (
    *(f"lengths/unsorted-{direction}-f32" for direction in ("forward", "reverse", "bidirectional")),
    *("stack/plain-layers2-bidirectional-f32", "stack/plain-layers2-forward-f64", "gradients/whole-forward-f32"),
    *("gate-clip/small-all-forward-f64", "cell/step-f32-no-states"),
)
UNSOUND = tuple(f"cell-clip/{name}" for name in ("plain-f32", "plain-f64", "peephole-f32", "wide-f32"))
"""Cases that end without an answer."""


@cache
def cases() -> dict[str, Case]:
    return {case.id: case for case in load_specs(ROOT / "specs")}


@cache
def vector_of(case_id: str) -> Vector:
    return VectorStore(ROOT / "vectors").load(cases()[case_id])


def answer(case: Case, *mistakes: str) -> Outputs:
    """What an implementation that makes these mistakes returns, in the case's dtype."""
    variant = type("Answer", tuple(BY_ID[mistake].variant for mistake in mistakes) or (Reference,), {})
    with np.errstate(all="ignore"):
        return completed(variant, case, vector_of(case.id).arrays)


def judged(case: Case, outputs: Outputs) -> Outcome:
    """The outcome of an answer, with everything that a run finds out about it."""
    vector = vector_of(case.id)
    outcome = judge(case, outputs, vector.golden, vector.kappa, precision=case.dtype)
    if not isinstance(outcome, Failed):
        return outcome
    given = Answer(case, vector.arrays, outputs, vector.golden, vector.kappa, case.dtype)
    where = locate(given)
    suspects = diagnose(given, where=where)
    return replace(outcome, where=where, suspects=suspects, profile=profile(given, suspects))


@cache
def _acme() -> tuple[Result, ...]:
    """The results of an adapter that ignores lengths, as recorded, and goes wrong in every other way."""
    results = []
    for name in CASES:
        case, deviation = cases()[name], None
        if name.startswith("lengths/"):
            outcome, deviation = judged(case, answer(case, "lengths-ignored")), KNOWN
        elif name.startswith("gradients/"):
            outcome = judged(case, answer(case, "gradient-gates-igfo-for-ifgo"))
        else:
            outcome = judged(case, answer(case, "gates-ifgo-read-as-iofg"))
        results.append(Result(case, "acme", outcome, {"acme": "1.0"}, case.dtype, 0.001, deviation))
    outcomes = (
        Unsupported(f"acme does not take a clip {NASTY}"),
        Errored(f"ValueError: {NASTY}", f"Traceback\n  {NASTY}"),
        Crashed(f"Segmentation fault\n{NASTY}"),
        TimedOut(300.0),
    )
    for name, outcome in zip(UNSOUND, outcomes, strict=True):
        case = cases()[name]
        results.append(Result(case, "acme", outcome, {"acme": "1.0"}))
    passes = cases()["lengths/all-short-forward-f32"]
    results.append(Result(passes, "acme", judged(passes, answer(passes)), {"acme": "1.0"}, "float32", 0.001, KNOWN))
    return tuple(results)


def acme_records() -> list[Record]:
    return [result.record() for result in _acme()]


def right_records() -> list[Record]:
    """The same cases, all answered right."""
    results = []
    for result in _acme():
        case = result.case
        results.append(Result(case, "right", judged(case, answer(case)), {"numpy": "2"}, case.dtype, 0.002).record())
    return results


def ignoring_lengths() -> list[Record]:
    """The same cases, all answered right but for those with lengths, which are ignored."""
    wrong = {record.case: record for record in acme_records() if record.deviation}
    found = (wrong.get(record.case, record) for record in right_records())
    return [record.model_copy(update={"adapter": "right"}) for record in found]


def written(
    path: Path, records: Iterable[Record], *, complete: bool = True, cases: int | None = None, **info: str
) -> Path:
    """Write a results file. info: `version`, that of every adapter."""
    records = list(records)
    ids = {record.case for record in records}
    adapters = {
        label: AdapterInfo(
            versions={label: info.get("version", "1.0"), "numpy": "2.0"},
            settings={"tf32": "off"},
            python="3.11.2",
            machine="x86_64",
            processor=f"a processor {NASTY}",
        )
        for label in dict.fromkeys(record.adapter for record in records)
    }
    header = Header(
        suite="0.1.0",
        vectors="0123456789abcdef",
        cases=cases or len(ids),
        selection=selection_digest(ids),
        adapters=adapters,
    )
    write_results(path, header, records, complete=complete)
    return path


def content(*paths: Path) -> Content:
    """What a report is made of, of these results files."""
    return Content([read_results(path) for path in paths], cases())


def labelled(adapter: str, outcome_of: Callable[[Case], str]) -> list[Record]:
    """Results of an adapter for all cases, by their outcomes; `known` is one that failed as a known deviation says."""
    records = []
    for case in cases().values():
        outcome = outcome_of(case)
        known = outcome == "known"
        record = Record(case=case.id, adapter=adapter, dtype=case.dtype, outcome="failed" if known else outcome)
        wrong = record.outcome_class.wrong
        deviation = RecordedDeviation(**KNOWN.model_dump()) if known else None
        records.append(record.model_copy(update={"unexpected": wrong and not known, "deviation": deviation}))
    return records


def many(wanted: int) -> list[Record]:
    """`wanted` results, a thousand or so per adapter; a third are unsupported, a twentieth wrong."""
    right, wrong = right_records(), [record for record in acme_records() if record.outcome == "failed"]
    unsupported = next(record for record in acme_records() if record.outcome == "unsupported")
    there, records = sorted(cases())[::3], []
    for n in range(wanted):
        adapter, case = f"adapter-{n // len(there) + 1}", there[n % len(there)]
        like = wrong[n // 20 % len(wrong)] if n % 20 == 0 else unsupported if n % 3 == 0 else right[n % len(right)]
        message = like.message and like.message.replace(like.case, case).replace("acme does", f"{adapter} does")
        records.append(like.model_copy(update={"adapter": adapter, "case": case, "message": message}))
    return records
