"""Shards: the parts of a run that are computed apart from each other, and which cases each has."""

from __future__ import annotations

import hashlib
import re

_FORM = re.compile(r"([1-9]\d{0,5})/([1-9]\d{0,5})", re.ASCII)


def parsed(which: str) -> tuple[int, int]:
    """k and n of `k/n`.

    Raises:
        ValueError: not of that form, with 1 <= k <= n < 1,000,000.
    """
    found = _FORM.fullmatch(which)
    if found is None or int(found[1]) > int(found[2]):
        shown = which if len(which) <= 40 else f"{which[:40]}..."
        raise ValueError(f"{shown!r} is not a shard; needs k/n with k from 1 to n, like 2/3")
    return int(found[1]), int(found[2])


def shard_of(case_id: str, n: int) -> int:
    """Which of n shards has the case, from 1 to n; whatever other cases there are, and on every machine."""
    digest = hashlib.sha256(case_id.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % n + 1
