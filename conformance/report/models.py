"""The model files of a check, for the page: the answers as results in columns, and what is told of each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import __version__
from conformance.case.tensor_table import INPUTS
from conformance.case.text import counted, visible
from conformance.report.columns import STATUSES, Status, status_of
from conformance.report.in_words import case_in_words
from conformance.results.reading import Results
from conformance.results.record import AdapterInfo, Header, Record, RecordedDeviation, selection_digest

if TYPE_CHECKING:  # only a check has them
    from conformance.case.model import Case
    from conformance.models.bring import BroughtFile
    from conformance.models.checked import Answer, Checked, CheckedLayer

_NAME = Path("conformance check")
"""In place of a results file's."""


@dataclass(frozen=True)
class ModelAnswer:
    """An answer on a layer. column: that of the report. same: the column which told just the same before."""

    answer: Answer
    column: str
    record: Record
    same: str | None = None

    @property
    def version(self) -> str:
        """The version of the deciding package; empty if there is none, or it was not loaded."""
        return next(iter(self.answer.info.versions.values()), "")


@dataclass(frozen=True)
class ModelLayer:
    """A layer of a file, with a view of its own. All texts are visible.

    where: where it stands in its file. summary: the case in a line. says: name and text of everything that is to say of
    its case; empty if nothing could be proven of it. answers: the wrong ones first, then the right ones. own_node:
    whether it came with a node that can be run alone.
    """

    id: str
    file: str
    where: str
    notes: tuple[str, ...]
    problem: str
    summary: str
    says: tuple[tuple[str, str], ...]
    answers: tuple[ModelAnswer, ...]
    warnings: tuple[str, ...]
    own_node: bool

    @property
    def address(self) -> str:
        """Where the page tells of it: the part of its address after the `#`."""
        return f"model/{self.id}"

    @property
    def wrong(self) -> tuple[ModelAnswer, ...]:
        """The answers that are wrong."""
        return tuple(each for each in self.answers if each.answer.wrong)

    @property
    def right(self) -> tuple[ModelAnswer, ...]:
        """Those that are right."""
        return tuple(each for each in self.answers if each.answer.right)

    @property
    def status(self) -> Status:
        """What its worst answer counts as."""
        found = [status_of(each.record) for each in self.answers]
        return next((status for status in STATUSES if status in found), "unsupported")

    @property
    def words(self) -> str:
        """The counts of answers that are not zero, in words."""
        if self.problem:
            return "not checked"
        wrong, right = len(self.wrong), len(self.right)
        counts = ((wrong, "wrong"), (right, "right"), (len(self.answers) - wrong - right, "not supported"))
        return ", ".join(f"{count} {word}" for count, word in counts if count) or "no answers"


@dataclass(frozen=True)
class ModelFile:
    """A file: its layers, and what in it is none, each with a reason; nothing: what to say if there is neither."""

    name: str
    notes: tuple[str, ...]
    layers: tuple[ModelLayer, ...]
    left_out: tuple[tuple[str, str], ...]
    nothing: str

    @property
    def words(self) -> str:
        """How many layers it has; one may be two cases."""
        return counted(len({layer.where for layer in self.layers}), "LSTM layer")


class Models:
    """What a check makes a report of."""

    def __init__(self, checked: Checked) -> None:
        self._checked = checked
        self.absent = tuple(map(visible, checked.absent))
        self.bad = bool(checked.wrong) or not checked.judged

    @property
    def headline(self) -> str:
        """The answer in one line."""
        if not self._checked.judged:
            return "Nothing could be checked"
        judged = counted(self._checked.judged, "answer")
        wrong = self._checked.wrong
        return f"{wrong:,} wrong of {judged}" if wrong else f"Nothing wrong in {judged}"

    @cached_property
    def files(self) -> tuple[ModelFile, ...]:
        """File by file, in the order in which they were given."""
        return tuple(_file(file, layers) for file, layers in self._checked.files)

    @property
    def cases(self) -> dict[str, Case]:
        """The cases by id. The specs that they were read from are gone."""
        return {layer.id: layer.case.model_copy(update={"origin": None})
                for layer in self._checked.layers if layer.case is not None}  # fmt: skip

    @property
    def results(self) -> Results:
        """The answers as a results file would have them."""
        adapters: dict[str, AdapterInfo] = {}
        for answer in self._checked.answers:
            there = adapters.setdefault(_column(answer), answer.info)
            if not there.versions:  # it refused that case before it was loaded
                adapters[_column(answer)] = answer.info
        records = tuple(_record(answer) for answer in self._checked.answers)
        ids = self.cases.keys()
        header = Header(
            suite=__version__,
            vectors=self._checked.vectors,
            cases=len(ids),
            selection=selection_digest(ids),
            adapters=adapters,
        )
        return Results(_NAME, header, records, complete=True, size=0)


def _file(file: BroughtFile, layers: Sequence[CheckedLayer]) -> ModelFile:
    name = visible(str(file.path))
    return ModelFile(
        name=name,
        notes=tuple(map(visible, file.notes)),
        layers=tuple(_layer(name, layer) for layer in layers),
        left_out=tuple((visible(where), visible(why)) for where, why in file.left_out),
        nothing="" if layers or file.left_out else file.nothing,
    )


def _layer(file: str, checked: CheckedLayer) -> ModelLayer:
    answers = [_answer(checked, answer) for answer in checked.answers]
    return ModelLayer(
        id=checked.id,
        file=file,
        where=visible(checked.layer.where),
        notes=tuple(map(visible, checked.layer.notes)),
        problem=visible(checked.problem),
        summary="" if checked.case is None else visible(checked.case.summary()),
        says=() if checked.case is None else tuple(_said(checked.case)),
        answers=tuple(sorted(answers, key=lambda each: (not each.answer.wrong, not each.answer.right))),
        warnings=tuple(map(visible, checked.warnings)),
        own_node=checked.layer.node is not None,
    )


def _said(case: Case) -> list[tuple[str, str]]:
    words = case_in_words(case)
    # Where numbers come from is in the notes; but an input that there is none of is an option.
    from_notes = {"seed", "weights", *(name for name in INPUTS if getattr(case, name, None) is not None)}
    options = [(key, text) for key, text in words["options"].items() if key not in from_notes]
    rest = [(name, words[name]) for name in ("tolerance", "inputs", "weights", "outputs") if name in words]
    said = [("dtype", case.dtype), ("sizes", words["sizes"]), *options, *rest]
    return [(name.replace("_", " "), visible(text)) for name, text in said]


def _answer(layer: CheckedLayer, answer: Answer) -> ModelAnswer:
    same = layer.told_before(answer) if answer.wrong else None
    return ModelAnswer(answer, _column(answer), _record(answer), None if same is None else _column(same))


def _column(answer: Answer) -> str:
    return visible(f"{answer.adapter} (own node)" if answer.own_node else answer.adapter)


def _record(answer: Answer) -> Record:
    """The record under the name of its column, with its known deviation, and with a message of what is still there."""
    record, name = answer.record, _column(answer)
    changes: dict[str, object] = {"adapter": name}
    if record.message:
        by = "; ".join([name, *(" ".join(item) for item in list(answer.info.versions.items())[:1])])
        head = f"{record.outcome.upper()} {record.case} [{by}]"
        changes["message"] = "\n".join([head, *(f"  {line}" for line in answer.story)])
    if answer.deviation is not None:
        changes |= {"deviation": RecordedDeviation(**answer.deviation.model_dump()), "unexpected": False}
    return record.model_copy(update=changes)
