"""What came of a check, file by file, layer by layer, answer by answer: what every view of it is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.case.model import Case
from conformance.case.outcomes import Passed, Unsupported
from conformance.case.text import shortened
from conformance.models.bring import BroughtFile
from conformance.models.brought import Brought
from conformance.results.record import AdapterInfo, Record

if TYPE_CHECKING:
    from conformance.results.deviations import Deviation

_LONGEST = 300
"""Most characters of a refusal; engines write paths of their own sources into them."""


@dataclass(frozen=True)
class Answer:
    """What one implementation made of a layer.

    own_node: it ran the node of the file. deviation: the known one that it shows. recorded: its numbers come from
    elsewhere; nothing ran.
    """

    adapter: str
    own_node: bool
    info: AdapterInfo
    record: Record
    deviation: Deviation | None = None
    recorded: bool = False

    @property
    def way(self) -> str:
        """In words, what the implementation had of the file."""
        if self.recorded:
            return "recorded elsewhere"
        return "the file's own node" if self.own_node else "the same weights, through an adapter"

    @property
    def right(self) -> bool:
        """Whether it was judged and passed."""
        return self.record.outcome == Passed.name

    @property
    def wrong(self) -> bool:
        """Whether it is wrong, known or not."""
        return self.record.outcome_class.wrong

    @property
    def known(self) -> str:
        """What is known of a wrong answer; empty if nothing is."""
        return known_words(self.deviation) if self.deviation is not None else ""

    @property
    def verdict(self) -> str:
        """In a few words: right and by how much, not supported and why, or what went wrong."""
        record = self.record
        if self.right:
            return f"right: noise {record.noise:.2g} of {record.allowed:g}" if record.noise is not None else "right"
        if record.outcome_class is Unsupported:
            return f"not supported: {shortened(' '.join(self.story), _LONGEST)}"
        return record.outcome.upper()

    @property
    def story(self) -> list[str]:
        """The message without its head and without the command that runs it again: the files of both are gone."""
        lines = [line.removeprefix("  ").rstrip() for line in (self.record.message or "").splitlines()[1:]]
        return [line for line in lines if line and not line.startswith("again:")]


def known_words(deviation: Deviation) -> str:
    """What is written down of a known deviation, and where it was reported."""
    return deviation.reason.strip() + (f" ({deviation.link})" if deviation.link else "")


@dataclass(frozen=True)
class CheckedLayer:
    """A layer and every answer.

    id: that of its case. case: None where nothing could be proven of it, with the reason as its problem. warnings: what
    is known of adapters that are not here.
    """

    id: str
    layer: Brought
    case: Case | None
    answers: list[Answer] = field(default_factory=list)
    problem: str = ""
    warnings: list[str] = field(default_factory=list)

    def told_before(self, answer: Answer) -> Answer | None:
        """The first wrong answer with just the same story as this one, if that is another."""
        first = next((each for each in self.answers if each.wrong and each.story == answer.story), answer)
        return None if first is answer else first


@dataclass(frozen=True)
class Checked:
    """What came of a check: file by file. absent: the adapters that cannot be made here, with the reason.

    vectors: digest of the golden values that the answers were judged by.
    """

    files: list[tuple[BroughtFile, list[CheckedLayer]]]
    absent: list[str] = field(default_factory=list)
    vectors: str = ""

    @property
    def layers(self) -> list[CheckedLayer]:
        """Those of all files."""
        return [layer for _, layers in self.files for layer in layers]

    @property
    def answers(self) -> list[Answer]:
        """Those on all layers."""
        return [answer for layer in self.layers for answer in layer.answers]

    @property
    def judged(self) -> int:
        """How many answers were right or wrong, and not only refused."""
        return sum(answer.right or answer.wrong for answer in self.answers)

    @property
    def wrong(self) -> int:
        """How many answers are wrong."""
        return sum(answer.wrong for answer in self.answers)
