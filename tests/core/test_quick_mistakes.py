"""Every mistake of the catalogue that an adapter's cases catch fails one of its quick cases, run as an adapter."""

import functools

import numpy as np
import pytest

from conformance.adapters import registry
from conformance.case.outcomes import Failed
from conformance.case.select import select_cases
from conformance.data import default_folders
from conformance.golden.cache import cached
from conformance.golden.store import VectorStore
from conformance.lstm.mistakes import BY_ID, CATALOGUE
from conformance.quick.catches import key
from conformance.quick.choose import Chooser
from conformance.results.deviations import load_deviations
from conformance.verdict.compare import judge

FOLDERS = default_folders()
STORE = VectorStore(FOLDERS.vectors)
ADAPTERS = [name for name in registry.names() if registry.is_built_in(name)]


@functools.cache
def cases():
    return {case.id: case for case in select_cases(FOLDERS.specs, ())}


@functools.cache
def chooser():
    return Chooser(FOLDERS.vectors)


def levels_of(case) -> dict[str, int]:
    """How surely a case shows each mistake."""
    (row,) = chooser().table.of([key(case.id, case.digest())])
    return dict(zip(chooser().table.mistakes, map(int, row), strict=True))


@functools.cache
def fails(mistake: str, case_id: str) -> bool:
    """Whether a framework that makes the mistake, in the case's own format, fails the case."""
    case = cases()[case_id]
    vector = cached(case) if case.on_demand else STORE.load(case)
    working = np.float64 if case.dtype == "float64" or BY_ID[mistake].systematic else np.float32
    outputs = BY_ID[mistake].outputs(case, vector.arrays.in_dtype(working))
    with np.errstate(over="ignore"):
        answer = {name: array.astype(case.np_dtype) for name, array in outputs.items()}
    verdict = judge(case, answer, vector.golden, vector.kappa, precision=case.dtype, arrays=vector.arrays)
    return isinstance(verdict, Failed)


@pytest.mark.slow
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_each_mistake_fails_a_quick_case(adapter):
    refusal = registry.load(adapter).capabilities.refusal
    known = load_deviations(FOLDERS.deviations, adapter)
    quick = chooser().choose(list(cases().values()), adapter, lambda case: refusal(case) is None, known)
    assert quick.caught == quick.catchable
    rows = {each.case.id: levels_of(each.case) for each in quick.chosen}
    caught = {mistake.id for mistake in CATALOGUE if any(row[mistake.id] for row in rows.values())}
    assert len(caught) > 70
    for mistake in sorted(caught):
        catching = sorted((case_id for case_id in rows if rows[case_id][mistake]), key=lambda n: -rows[n][mistake])
        assert any(fails(mistake, case_id) for case_id in catching), mistake
