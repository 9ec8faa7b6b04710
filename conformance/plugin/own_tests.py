"""The fixture `lstm_case`: a test of the user's runs once for each case chosen.

@pytest.mark.lstm_cases("lengths/*", "!*-f16", layout="torch")
def test_mine(lstm_case):
    y, h_n, c_n = mine(lstm_case.weights_in(), **lstm_case.inputs)
    assert conformance.judge(lstm_case, {"y": y, "h_n": h_n, "c_n": c_n})
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conformance.api.cases import LSTMCase

MARKED = ("*patterns", "layout", "specs", "vectors")
"""What the marker takes: the arguments of `conformance.cases`."""


@pytest.fixture
def lstm_case(request: pytest.FixtureRequest) -> LSTMCase:
    """An LSTM case: weights, inputs, golden values. The marker lstm_cases("lengths/*", layout="torch") chooses them."""
    case: LSTMCase = request.param
    return case


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of every case for those that ask for one."""
    if "lstm_case" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("lstm_cases")
    found = _plain() if marker is None else _chosen(marker, metafunc.definition.nodeid)
    metafunc.parametrize("lstm_case", found, ids=[case.id for case in found], indirect=True)


def _chosen(marker: pytest.Mark, test: str) -> Sequence[LSTMCase]:
    from conformance.api.cases import cases
    from conformance.case.errors import ConformanceError

    if unknown := sorted(marker.kwargs.keys() - set(MARKED[1:])):
        raise pytest.Collector.CollectError(
            f"{test}: lstm_cases has no argument {unknown[0]!r}; it takes {', '.join(MARKED)}"
        )
    try:
        return cases(*marker.args, **marker.kwargs) if marker.args else _plain(**marker.kwargs)
    except ConformanceError as error:
        raise pytest.Collector.CollectError(f"{test}: lstm_cases: {error}") from error


def _plain(**options: str) -> Sequence[LSTMCase]:
    """Without patterns: what every LSTM has, in float32: one forward layer over a step, a sequence and a batch."""
    from conformance.adapters.capabilities import Capabilities
    from conformance.api.cases import cases

    plain = Capabilities(dtypes=frozenset({"float32"}), max_layers=1, head=False, blocks=False)
    patterns = ("*",) if "specs" in options else ("cell/*", "sequence/*", "batch/*", "state/*")
    return [case for case in cases(*patterns, **options) if plain.refusal(case.spec) is None]
