"""JUnit XML, which CI systems show beside their other tests: one suite per adapter, one test case per case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from conformance.case.outcomes import Passed
from conformance.case.text import visible
from conformance.report.columns import Column, body_of, story_of
from conformance.report.content import Content
from conformance.results.record import Record, Shared
from conformance.results.shared.wording import statements


def junit(content: Content) -> str:
    """The XML: unexpected results are failures or errors, unsupported cases and known deviations skipped with a reason.

    For each interrupted run, and where cases are missing, a suite `results files` has one error.
    """
    causes = {(p.column.name, r.case): c.title for c in content.causes for p in c.parts for r in p.records}
    suites = [_suite(column, content.shared[column.name], causes) for column in content.columns]
    if content.notes:
        suites.append(_notes(content.notes))
    root = Element("testsuites", {"name": "lstm-conformance"} | _totals(suites))
    root.extend(suites)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(column: Column, shared: Sequence[Shared], causes: Mapping[tuple[str, str], str]) -> Element:
    cases = [_case(column, record, causes.get((column.name, record.case), "")) for record in column.records]
    suite = _filled(column.name, cases)
    info = column.info
    facts = {f"version {package}": version for package, version in info.versions.items()}
    facts |= {name: getattr(info, name) for name in ("device", "python", "machine", "processor")} | info.settings
    told = [statement.text for each in shared for statement in statements(each)]
    facts |= {f"shared {number}": text for number, text in enumerate(told, 1)}
    suite.insert(0, _properties(facts))
    return suite


def _case(column: Column, record: Record, cause: str) -> Element:
    named = {
        "classname": f"{column.name}.{record.family}",
        "name": record.case,
        "time": f"{record.seconds:.6f}",
    }
    case = Element("testcase", named)
    numbers = {"noise": record.noise, "allowed": record.allowed, "precision": record.precision}
    facts = {name: str(value) for name, value in numbers.items() if value is not None}
    case.append(_properties(facts | {"cause": cause}))
    if record.unexpected:
        kind = "unexpected pass" if record.unexpected_pass else record.outcome
        text = "\n".join(filter(None, (record.message, record.traceback)))
        case.append(_said(record.outcome_class.junit, kind, story_of(record), text))
    elif record.known and record.deviation is not None:
        case.append(
            _said("skipped", "known deviation", f"known deviation: {record.deviation.reason}", record.message or "")
        )
    elif record.outcome_class is not Passed:
        case.append(_said("skipped", record.outcome, body_of(record).strip(), ""))
    return case


def _notes(notes: Iterable[str]) -> Element:
    cases = []
    for number, note in enumerate(notes, 1):
        case = Element("testcase", {"classname": "results files", "name": f"complete {number}", "time": "0"})
        case.append(_said("error", "incomplete", note, note))
        cases.append(case)
    return _filled("results files", cases)


def _filled(name: str, cases: list[Element]) -> Element:
    counts = {kind: sum(case.find(tag) is not None for case in cases) for kind, tag in _KINDS.items()}
    seconds = sum(float(case.attrib["time"]) for case in cases)
    fields = {"tests": len(cases)} | counts
    suite = Element("testsuite", {"name": name} | {key: str(value) for key, value in fields.items()})
    suite.set("time", f"{seconds:.6f}")
    suite.extend(cases)
    return suite


_KINDS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def _totals(suites: list[Element]) -> dict[str, str]:
    totals = {key: str(sum(int(suite.attrib[key]) for suite in suites)) for key in ("tests", *_KINDS)}
    return totals | {"time": f"{sum(float(suite.attrib['time']) for suite in suites):.6f}"}


def _properties(values: Mapping[str, str]) -> Element:
    found = Element("properties")
    for name, value in values.items():
        if value:
            SubElement(found, "property", {"name": visible(name), "value": visible(value)})
    return found


def _said(tag: str, kind: str, message: str, text: str) -> Element:
    element = Element(tag, {"type": kind, "message": visible(message, lines=True)})
    element.text = visible(text, lines=True) or None
    return element
