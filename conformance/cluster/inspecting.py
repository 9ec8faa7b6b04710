"""Looks at a worker before it gets work: whether it is like this process, and like the other workers."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import distributed

from conformance.case.errors import ConformanceError
from conformance.case.text import shortened
from conformance.cluster.identity import HERE
from conformance.cluster.work import done

_LOOK_SECONDS: Final = 0.1


class Differs(ConformanceError):
    """A worker would not compute what the others do; the text says which, and what differs."""


class Inspector:
    """Asks workers, and compares what they say.

    Args:
        client: connected.
        run: a name for what is sent.
        expected, vectors: as those of conformance.cluster.pool.ClusterPool.

    Attributes:
        facts: what the first worker said to `ask_also`.
    """

    def __init__(self, client: distributed.Client, run: str, expected: Mapping[str, str], vectors: str) -> None:
        self.facts: Any = None
        self._client = client
        self._run = run
        self._expected = expected
        self._vectors = vectors
        self._also: tuple[Callable[..., Any], tuple[Any, ...]] | None = None
        self._difference: Callable[[Any, Any], str | None] = lambda one, other: None

    def ask_also(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], difference: Callable[[Any, Any], str | None]
    ) -> None:
        """Call a function in each worker, too; `difference` says in what two results differ."""
        self._also, self._difference = (function, arguments), difference

    def facts_of(self, address: str) -> Any:
        """What a worker says to `ask_also`, once it is known to be like this process; may take minutes.

        Raises:
            Differs: it is not.
        """
        try:
            # Into its event loop, so that it is not kept waiting by another's work.
            found = self._client.run(eval, HERE, {"vectors": self._vectors}, workers=[address])[address]
        except ModuleNotFoundError as error:
            raise Differs(f"worker {address}: has no lstm-conformance like this one: {error}") from error
        except Exception as error:
            raise Differs(f"worker {address}: {_shown(error)}") from error
        for what, here in self._expected.items():
            if (there := found.get(what, "none")) != here:
                raise Differs(f"worker {address}: {what} is {there}, and {here} here")
        if self._also is None:
            return ()
        function, arguments = self._also
        key, payload = f"{self._run}/{function.__name__}/{address}", pickle.dumps((function, arguments, {}))
        asked = self._client.submit(done, payload, key=key, pure=False, workers=[address], allow_other_workers=False)
        try:
            while not asked.done():
                if address not in self._client.scheduler_info(n_workers=-1)["workers"]:
                    raise Differs(f"worker {address}: went while it was looked at")
                time.sleep(_LOOK_SECONDS)
            return asked.result()
        except Differs:
            raise
        except Exception as error:
            raise Differs(f"worker {address}: {_shown(error)}") from error

    def demand_alike(self, address: str, facts: Any) -> None:
        """Raises Differs if what a worker said is not what the first one did."""
        if self.facts is None:
            self.facts = facts
        elif differs := self._difference(self.facts, facts):
            raise Differs(f"worker {address}: {differs}")


def _shown(error: Exception) -> str:
    return shortened(str(error) or type(error).__name__)
