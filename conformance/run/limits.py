"""What a time and an amount of memory may be at most: more than anybody means, and less than any system chokes on."""

from __future__ import annotations

from typing import Final

MOST_SECONDS: Final = 1_000_000
MOST_GIB: Final = 1_000_000
