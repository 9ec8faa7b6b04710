"""What a worker of a cluster does: a piece, and the cases of an adapter below it, in the suite's own worker process."""

from __future__ import annotations

import pickle
from typing import Any


def done(payload: bytes) -> Any:
    """The result of a piece: a pickled function with its arguments."""
    function, arguments, named = pickle.loads(payload)
    return function(*arguments, **named)
