"""Which cases each adapter must answer, those of the first frameworks and of the other engines together."""

from __future__ import annotations

from collections.abc import Iterable

import tables_of_engines
import tables_of_frameworks
from agreement import Fields
from topics import BIDIRECTIONAL, HEAD, RAGGED

AGREE: dict[str, Iterable[Fields]] = tables_of_frameworks.AGREE | tables_of_engines.AGREE
# The reference answers all float32 rows too: that shows that the tables themselves are sound.
AGREE["numpy"] = [fields for rows in AGREE.values() for fields in rows if fields.get("dtype", "float32") == "float32"]

CALLED: dict[str, list[Fields]] = tables_of_frameworks.CALLED | tables_of_engines.CALLED
CALLED["numpy"] = [BIDIRECTIONAL | RAGGED | HEAD]
