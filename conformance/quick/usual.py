"""What cases cost with each adapter, by the times beside the vectors or by their sizes."""

from __future__ import annotations

import contextlib

from conformance.case.errors import ConformanceError
from conformance.case.model import Case
from conformance.golden.store import VectorStore
from conformance.quick import seconds
from conformance.quick.choose import key_of, keys_of
from conformance.quick.seconds import UNKNOWN, Times


class UsualSeconds:
    """Those of the cases of a store. A file of times that cannot be read is as none: a run does not need it."""

    def __init__(self, store: VectorStore) -> None:
        self._times: dict[str, Times] = {}
        with contextlib.suppress(ConformanceError):
            self._times = seconds.read(store.root)
        self._keys = keys_of(store)

    def of(self, adapter: str, case: Case) -> float:
        """Seconds of a case with the adapter of this name; 0 if it refuses it when it is asked."""
        key = key_of(case, self._keys)
        return self._times.get(adapter, UNKNOWN).of(case, -1 if key is None else key) or 0.0
