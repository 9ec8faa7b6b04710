"""Upper limits for times and memory: more than anyone needs, and less than any system fails on."""

from __future__ import annotations

from typing import Final

MOST_SECONDS: Final = 1_000_000
MOST_GIB: Final = 1_000_000
