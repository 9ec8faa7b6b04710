"""What `conformance smoke` prints: one line for each group of checks, then every finding that is not a pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import get_args

from conformance.case.text import visible
from conformance.run.smoke.finding import Finding, Outcome

_WIDTH = 14


def groups(findings: Iterable[Finding]) -> list[str]:
    """How many checks of each group had which outcome: `weights        40 passed, 1 failed`."""
    counted: dict[str, Counter[Outcome]] = {}
    for finding in findings:
        counted.setdefault(finding.check.partition("/")[0], Counter())[finding.outcome] += 1
    return [f"{group:{_WIDTH}} {_counts(found)}" for group, found in counted.items()]


def each(finding: Finding) -> str:
    """One check on one line, for `--verbose`."""
    return f"{finding.outcome:7} {finding.check:32} {finding.about}"


def messages(findings: Iterable[Finding]) -> list[str]:
    """What was found and what to do about it, failures first; checks with the same remedy share one text."""
    together: dict[tuple[bool, Outcome, str, str], list[Finding]] = {}
    for finding in findings:
        if finding.outcome != "passed":
            failed = finding.outcome == "failed"
            key = (not failed, finding.outcome, finding.remedy, "" if finding.remedy else finding.text)
            together.setdefault(key, []).append(finding)
    return [_as_one(found) for _, found in sorted(together.items(), key=lambda item: item[0][0])]


def _as_one(found: list[Finding]) -> str:
    text = "\n".join(dict.fromkeys(finding.text for finding in found))
    message = replace(found[0], check=_listed([finding.check for finding in found]), text=text).message()
    return visible(message, lines=True)


def total(findings: Iterable[Finding]) -> str:
    """The outcomes of all checks."""
    return _counts(Counter(finding.outcome for finding in findings))


def _counts(found: Counter[Outcome]) -> str:
    """`61 passed, 1 failed`."""
    return ", ".join(f"{found[outcome]} {outcome}" for outcome in get_args(Outcome) if found[outcome])


def _listed(checks: list[str], most: int = 6) -> str:
    more = f" and {len(checks) - most} more" if len(checks) > most else ""
    return ", ".join(checks[:most]) + more
