"""Shows what became of mistakes drawn at random: how many are caught, and each that is not with a case for it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

from conformance.case.model import Case
from conformance.case.text import counted
from conformance.golden.sampling import Drawn, Sample

_WIDTH = 98
_NOT_SHOWN = {"id", "seed"}


def as_text(sample: Sample) -> str:
    """The survivors, then the share that is caught, with its confidence interval."""
    lines = [line for drawn in sample.survivors for line in _survivor(drawn)]
    low, high = sample.interval
    lines += [
        f"seed {sample.seed}: {counted(len(sample.drawn), 'mistake')} that a case can show; "
        f"{len(sample.caught)} caught, {100 * sample.share:.1f} % "
        f"(at 95 % confidence {100 * low:.1f} to {100 * high:.1f} %)",
        f"not counted: {len(sample.hidden)} that no case made for them shows; "
        f"{len(sample.small)} too small to be told from rounding",
    ]
    return "\n".join(lines)


def as_json(sample: Sample) -> dict[str, Any]:
    """The same as data, with the case that catches each mistake."""
    low, high = sample.interval
    return {
        "seed": sample.seed,
        "shown": len(sample.drawn),
        "caught": len(sample.caught),
        "share": sample.share,
        "confidence_95": [low, high],
        "by_site": {site: {"caught": caught, "of": of} for site, (caught, of) in sample.by_site.items()},
        "mistakes": [
            {
                "id": drawn.mistake.id,
                "what": drawn.mistake.what,
                "caught_by": sample.caught.get(drawn.mistake.id),
                "shown_by": _keys(drawn.probe),
            }
            for drawn in sample.drawn
        ],
        "hidden": sample.hidden,
        "small": sample.small,
    }


def _survivor(drawn: Drawn) -> Iterator[str]:
    yield drawn.mistake.id
    case = yaml.safe_dump(_keys(drawn.probe), default_flow_style=True, sort_keys=False, width=math.inf).strip()
    for text in (f"it {drawn.mistake.what}", f"a case for it: {case}"):
        yield from textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")
    yield ""


def _keys(case: Case) -> dict[str, Any]:
    """What a spec would say of a case."""
    return case.model_dump(mode="json", exclude_defaults=True, exclude=_NOT_SHOWN)
