"""The format of a results file: its header, results and footer. One definition for reading and writing.

{"kind": "header", "format": 2, "suite": ..., "vectors": digest of the manifest, "adapters": {...}, ...}
{"kind": "result", "case": ..., "adapter": ..., "outcome": ..., "noise": ..., ...}
{"kind": "footer", "results": how many, "seconds": ..., "import_seconds": {...}}

Fields that a line leaves out have their defaults. Texts are made visible when they are read, from a worker or from a
file, so that code that shows them does not have to check them; a name that is not visible is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from conformance.case.dtypes import UNIT_ROUNDOFF, DTypeName
from conformance.case.outcomes import OUTCOMES, Failed, Outcome, Passed
from conformance.case.shards import parsed
from conformance.case.text import shortened, visible, visible_data

FORMAT = 2

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A finite number: noise, seconds. An infinite or missing one is None."""
Count = Annotated[int, Field(ge=0)]


def _precision(name: str) -> str:
    if name not in UNIT_ROUNDOFF:
        raise ValueError(f"needs one of {', '.join(UNIT_ROUNDOFF)}")
    return name


def _outcome(name: str) -> str:
    if name not in OUTCOMES:
        raise ValueError(f"needs one of {', '.join(OUTCOMES)}")
    return name


def _shard(text: str) -> str:
    parsed(text)
    return text


def _name(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"'{shortened(text)}' is not a name: it has characters that cannot be printed")
    return text


Text = Annotated[str, AfterValidator(lambda text: visible(text, lines=True))]
"""A field for text from outside the suite: made visible when it is read."""
Name = Annotated[str, AfterValidator(_name)]
"""A field for a name that others refer to: refused if it is not visible."""
Data = Annotated[dict[str, Any], AfterValidator(visible_data)]
"""A field for JSON that is passed on unchanged, except that every text in it is made visible."""


class _Line(BaseModel):
    # Not strict: JSON has lists in place of tuples. Unknown keys are ignored: a later suite may write more.
    model_config = ConfigDict(frozen=True)


class AdapterInfo(_Line):
    """Describes an adapter: versions of the packages that computed, decisive one first; device; settings.

    settings: the framework's precision settings and the environment variables that change numerics.
    python, machine, processor: those of the place where the adapter ran.
    """

    versions: dict[Text, Text] = {}
    device: Text = "cpu"
    settings: dict[Text, Text] = {}
    python: Text = ""
    machine: Text = ""
    processor: Text = ""

    def difference(self, other: AdapterInfo) -> tuple[str, str, str] | None:
        """The first field in which another one differs, and both values in words; None if both compute alike."""
        for name in type(self).model_fields:
            here, there = getattr(self, name), getattr(other, name)
            if here != there:
                return name, in_words(here), in_words(there)
        return None


class Asked(_Line):
    """Cases that were asked of an adapter, over all shards: how many, and a digest of their ids."""

    cases: Count
    selection: Text

    @classmethod
    def of(cls, ids: Iterable[str]) -> Self:
        """The cases of these ids."""
        several = list(ids)
        return cls(cases=len(several), selection=selection_digest(several))


class Header(_Line):
    """What all results of a file have in common.

    vectors: digest of the manifest of golden vectors. cases: how many cases were selected, over all shards.
    selection: digest of their ids. shard: `k/n` if this is one of several files. quick: of a quick run, what was asked
    of each adapter: some of the cases selected.
    adapters: label -> description of the adapter.
    """

    format: int = FORMAT
    suite: Text
    vectors: Text
    cases: Count
    selection: Text
    shard: Annotated[str, AfterValidator(_shard)] | None = None
    quick: dict[Name, Asked] = {}
    adapters: dict[Name, AdapterInfo]

    def asked(self, label: str) -> Asked:
        """What was asked of an adapter."""
        return self.quick.get(label) or Asked(cases=self.cases, selection=self.selection)


class SharedCondition(_Line):
    """A condition that failing cases have in common (conformance.results.shared).

    text: to be read after "have". key: the key of a case or the option that it is about. passed: how many cases that
    passed have it. bound: `at least` or `at most`, if it bounds a size. border: the size that came closest to that
    bound among the cases that passed and have the other conditions, if there are any.
    """

    text: Text
    key: Text
    passed: Count
    bound: Text = ""
    border: int | None = None


class SharedConditions(_Line):
    """Conditions that hold together for cases that failed, and for no case that passed, or for few.

    failing: for how many. passing: the cases that passed although they have them all. mistakes: what most of the
    failures look like, none of which fits better than another. named: how many look like that. alternatives: other
    conditions that the same failures share. bits: the evidence (conformance.results.shared.search).
    """

    conditions: tuple[SharedCondition, ...]
    failing: Count
    passing: tuple[Name, ...] = ()
    mistakes: tuple[Text, ...] = ()
    named: Count = 0
    alternatives: tuple[tuple[Text, ...], ...] = ()
    bits: Amount

    @property
    def texts(self) -> tuple[str, ...]:
        """The conditions in words."""
        return tuple(condition.text for condition in self.conditions)


class Shared(_Line):
    """What cases that failed with an adapter have in common and those that passed lack.

    outcomes: of the former, which `failing` counts. passed: how many passed. explained: for how many of the failing
    ones some of the conditions hold. conditions: empty where no case passed, or where none tells them apart. mistakes,
    named: what most of the failures look like and how many do, where there are no conditions that say so of their own.
    """

    adapter: Name
    outcomes: tuple[Annotated[str, AfterValidator(_outcome)], ...]
    failing: Count
    passed: Count
    explained: Count = 0
    conditions: tuple[SharedConditions, ...] = ()
    mistakes: tuple[Text, ...] = ()
    named: Count = 0


class Footer(_Line):
    """What is known at the end; the times of a resumed run are those of its last part.

    seconds: of the whole run, None if the results are from several. import_seconds: adapter -> total time from the
    start of each of its workers until that was ready. The suite's own overhead is `seconds` without these and without
    the seconds of the results. shared: what the unexpected failures of each adapter have in common.
    """

    results: Count
    seconds: Amount | None = None
    import_seconds: dict[Name, Amount] = {}
    shared: tuple[Shared, ...] = ()


class RecordedSuspect(_Line):
    """A conformance.case.outcomes.Suspect; noise is None if it is infinite."""

    mistakes: tuple[Text, ...]
    how: Text
    noise: Amount | None = None
    precision: Text = ""


class RecordedDeviation(_Line):
    """The conformance.results.deviations.Deviation that applied."""

    reason: Text
    outcome: Text = Failed.name
    mistake: tuple[Text, ...] = ()
    repro: Text | None = None
    link: Text | None = None
    precision: Text | None = None
    versions: dict[Text, Text] = {}
    where: Text = ""


class Record(_Line):
    """One result as stored in a file.

    noise: the worst; None if there is none (the case did not finish) or it is infinite (a wrong shape, a NaN).
    allowed: the case's tolerance in noise units, None if it uses other terms. bias: the mean error of the most biased
    tensor beyond what chance explains, in kappa; None if the case did not finish. seconds: the framework's own.
    where: which part of the computation is wrong first (conformance.case.where), for failures with numbers.
    suspects: what the diagnosis found; None if no mistake can be told by the numbers.
    deviation: the known deviation that applied, whether it showed or not.
    profile: where in time the error is (conformance.verdict.profile), for failures.
    """

    case: Name
    adapter: Name
    dtype: DTypeName
    outcome: Annotated[str, AfterValidator(_outcome)]
    unexpected: bool = False
    noise: Amount | None = None
    allowed: Amount | None = None
    bias: Amount | None = None
    seconds: Amount = 0.0
    precision: Annotated[str, AfterValidator(_precision)] | None = None
    message: Text | None = None
    where: Data | None = None
    suspects: tuple[RecordedSuspect, ...] | None = None
    traceback: Text | None = None
    deviation: RecordedDeviation | None = None
    profile: Data | None = None

    @property
    def family(self) -> str:
        """The family of the case."""
        return self.case.partition("/")[0]

    @property
    def outcome_class(self) -> type[Outcome]:
        """The outcome of this name."""
        return OUTCOMES[self.outcome]

    @property
    def known(self) -> bool:
        """Whether the outcome is wrong in the way that a known deviation describes."""
        return self.deviation is not None and not self.unexpected and self.outcome_class.wrong

    @property
    def unexpected_pass(self) -> bool:
        """Whether the outcome is right although a known deviation says that it is wrong."""
        return self.unexpected and self.outcome_class is Passed


def in_words(value: object) -> str:
    """A field of an adapter's description for a message."""
    return ", ".join(f"{k} {v}" for k, v in value.items()) or "none" if isinstance(value, dict) else str(value)


def selection_digest(ids: Iterable[str]) -> str:
    """A digest of the ids of cases, independent of their order."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]
