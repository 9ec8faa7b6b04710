"""The badge: JSON for the endpoint badge of shields.io."""

from __future__ import annotations

import json

from conformance.report.columns import SURPRISES, WORDS
from conformance.report.content import Content


def badge(content: Content) -> str:
    """One line of JSON: what is unexpected; if nothing is, that something is missing; otherwise what passed."""
    message, color = _words(content)
    fields = {"schemaVersion": 1, "label": "LSTM conformance", "message": message, "color": color}
    return json.dumps(fields) + "\n"


def _words(content: Content) -> tuple[str, str]:
    total = content.total
    if total.surprises:
        said = [f"{total[status]} {WORDS[status]}" for status in SURPRISES if total[status]]
        return ", ".join(said), "red" if total["unexpected"] else "orange"
    if not content.complete:
        return "incomplete", "yellow"
    if not total["passed"]:
        return "nothing passed", "lightgrey"
    if total["known"]:
        return f"{total['passed']} passed, {total['known']} known deviations", "green"
    return f"{total['passed']} passed", "brightgreen"
