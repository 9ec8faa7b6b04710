"""Shards: parts of a run that are computed separately, and which cases belong to each."""

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
    """The shard of a case, from 1 to n. It depends on the id alone, not on the other cases or the machine."""
    digest = hashlib.sha256(case_id.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % n + 1
