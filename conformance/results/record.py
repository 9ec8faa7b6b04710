"""The format of a results file: what its header and each result say. One definition for who writes and who reads.

{"kind": "header", "format": 2, "suite": ..., "vectors": digest of the manifest, "adapters": {...}, ...}
{"kind": "result", "case": ..., "adapter": ..., "outcome": ..., "noise": ..., ...}
{"kind": "footer", "results": how many, "seconds": ..., "import_seconds": {...}}

What a line leaves out has its default. Texts are made visible as they come in, be it from a worker or from a file, so
that whatever shows them need not ask what they hold; a name that is not visible is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from conformance.case.dtypes import UNIT_ROUNDOFF, DTypeName
from conformance.case.outcomes import OutcomeName
from conformance.case.shards import parsed
from conformance.case.text import shortened, visible, visible_data

FORMAT = 2

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A number that is there: noise, seconds. What is infinite or no number at all has None in its place."""
Count = Annotated[int, Field(ge=0)]


def _precision(name: str) -> str:
    if name not in UNIT_ROUNDOFF:
        raise ValueError(f"needs one of {', '.join(UNIT_ROUNDOFF)}")
    return name


def _shard(text: str) -> str:
    parsed(text)
    return text


def _name(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"'{shortened(text)}' is not a name: it has characters that cannot be printed")
    return text


Text = Annotated[str, AfterValidator(lambda text: visible(text, lines=True))]
"""A field for what somebody else wrote: made visible as it comes in."""
Name = Annotated[str, AfterValidator(_name)]
"""A field for what others refer to by this very text: refused where it is not visible."""
Data = Annotated[dict[str, Any], AfterValidator(visible_data)]
"""A field for JSON that is only passed on: every text in it is made visible."""


class _Line(BaseModel):
    # Not strict: JSON has lists where a tuple is meant. Unknown keys are ignored: a later suite may say more.
    model_config = ConfigDict(frozen=True)


class AdapterInfo(_Line):
    """Who answered: versions of the packages that computed, deciding one first; device; what decides about precision.

    settings: the framework's precision settings and the environment variables that change numerics.
    python, machine, processor: of the place where the adapter ran.
    """

    versions: dict[Text, Text] = {}
    device: Text = "cpu"
    settings: dict[Text, Text] = {}
    python: Text = ""
    machine: Text = ""
    processor: Text = ""


class Header(_Line):
    """What the results of a file have in common.

    vectors: digest of the manifest of golden vectors. cases: how many cases were asked for, whatever the shard.
    selection: digest of their ids. shard: `k/n` where this is one of several files.
    adapters: label -> who answered.
    """

    format: int = FORMAT
    suite: Text
    vectors: Text
    cases: Count
    selection: Text
    shard: Annotated[str, AfterValidator(_shard)] | None = None
    adapters: dict[Name, AdapterInfo]


class Footer(_Line):
    """What is known at the end; of a run that was resumed, the times are those of its last part.

    seconds: of the whole run, None where the results are of several. import_seconds: adapter -> from the start of each
    of its workers to its being ready, all of them together. What a run costs beside the frameworks' own work is
    `seconds` without these and without the seconds of the results.
    """

    results: Count
    seconds: Amount | None = None
    import_seconds: dict[Name, Amount] = {}


class RecordedSuspect(_Line):
    """A conformance.case.outcomes.Suspect; noise is None where it is infinite."""

    mistakes: tuple[Text, ...]
    how: Text
    noise: Amount | None = None
    precision: Text = ""


class RecordedDeviation(_Line):
    """The conformance.results.deviations.Deviation that applied."""

    reason: Text
    outcome: Text = "failed"
    mistake: tuple[Text, ...] = ()
    repro: Text | None = None
    link: Text | None = None
    versions: dict[Text, Text] = {}
    where: Text = ""


class Record(_Line):
    """One result as it stands in a file.

    noise: the worst one; None where there is none (not run to its end) or it is infinite (a wrong shape, a NaN).
    allowed: the case's tolerance in noise units, None where it is another. seconds: the framework's own.
    suspects: what the diagnosis found; None where there were no numbers to look at.
    deviation: the known deviation that applied, whether it showed or not.
    profile: where in time the error is (conformance.verdict.profile), for failures.
    """

    case: Name
    adapter: Name
    dtype: DTypeName
    outcome: OutcomeName
    unexpected: bool = False
    noise: Amount | None = None
    allowed: Amount | None = None
    seconds: Amount = 0.0
    precision: Annotated[str, AfterValidator(_precision)] | None = None
    message: Text | None = None
    suspects: tuple[RecordedSuspect, ...] | None = None
    traceback: Text | None = None
    deviation: RecordedDeviation | None = None
    profile: Data | None = None

    @property
    def family(self) -> str:
        """The family of the case."""
        return self.case.partition("/")[0]

    @property
    def known(self) -> bool:
        """Wrong, and as written down in a known deviation."""
        return self.deviation is not None and not self.unexpected and self.outcome not in ("passed", "unsupported")

    @property
    def unexpected_pass(self) -> bool:
        """Right, although a known deviation says that it is wrong."""
        return self.unexpected and self.outcome == "passed"


def selection_digest(ids: Iterable[str]) -> str:
    """A digest of the ids of cases, whatever their order."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]
