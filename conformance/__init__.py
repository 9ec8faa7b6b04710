"""Conformance suite for LSTM layers: proven golden vectors and the judge that checks frameworks against them.

What is below is for Python code, a test of one's own layer for one (docs/python-api.md). It is imported when it is
first used: a command or a pytest session that needs none of it does not wait for NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.adapters.capabilities import Capabilities
    from conformance.adapters.layouts import Layout
    from conformance.api.cases import LSTMCase, cases
    from conformance.api.checking import assert_conforms, check
    from conformance.api.judging import Verdict, judge
    from conformance.api.report import Report
    from conformance.case.errors import ConformanceError
    from conformance.case.errors import UnsupportedOption as Unsupported

__version__ = "0.1.0"
__all__ = [
    "Capabilities",
    "ConformanceError",
    "LSTMCase",
    "Layout",
    "Report",
    "Unsupported",
    "Verdict",
    "assert_conforms",
    "cases",
    "check",
    "judge",
]

_PLACES = {
    "Capabilities": "adapters.capabilities",
    "ConformanceError": "case.errors",
    "LSTMCase": "api.cases",
    "Layout": "adapters.layouts",
    "Report": "api.report",
    "Unsupported": "case.errors:UnsupportedOption",
    "Verdict": "api.judging",
    "assert_conforms": "api.checking",
    "cases": "api.cases",
    "check": "api.checking",
    "judge": "api.judging",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'conformance' has no attribute {name!r}; it has {', '.join(__all__)}")
    module, _, other = _PLACES[name].partition(":")
    found = getattr(importlib.import_module(f"conformance.{module}"), other or name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
