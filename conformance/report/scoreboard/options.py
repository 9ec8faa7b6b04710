"""How an engine does with each option: right, wrong, ignored silently, refused, or not tried.

A case has several options, and a wrong answer is the fault of one of them. Each is put down to the option whose cases
are wrong most often: that option first, then, of the answers that are left, the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from conformance.case.model import Case
from conformance.case.outcomes import Unsupported
from conformance.lstm.mistakes import BY_ID
from conformance.results.record import Record
from conformance.results.shared.conditions import options_of

Kind = Literal["right", "wrong", "ignored", "refused", "untried"]
KINDS: Final[Mapping[Kind, str]] = {
    "right": "every answer is right",
    "wrong": "answers are wrong",
    "ignored": "accepted and silently ignored",
    "refused": "refused: not supported",
    "untried": "no result",
}

ANY: Final = "any LSTM"
"""The row of what every case is."""
STACK: Final = "several layers"
_NO_ROWS: Final = frozenset(("lengths or holes", "lengths_via"))
"""They say again, of lengths and holes, what these have rows for."""
_OTHERS: Final = "Options"
_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "All cases": (ANY,),
    "Formats": ("dtype ",),
    "Structure": ("direction ", STACK, "batch_major", "lengths", "holes", "calls", "blocks"),
    "States": ("h0", "c0"),
    _OTHERS: (),
    "Training and head": ("head", "softmax", "cross_entropy", "gradients"),
    "Extremes": ("poison",),
}
"""The options of each group; one that ends in a space stands for all that begin so."""

IGNORING: Final = frozenset(mistake for mistake in BY_ID if "ignored" in mistake.split("-"))
"""The mistakes that leave something out; the catalogue calls them so."""


@dataclass(frozen=True)
class Cell:
    """An engine and an option.

    cases: how many have the option. answered: of these, how many it does not refuse. wrong: the wrong answers that are
    put down to this option. elsewhere: how many of its answers are wrong for another option's sake.
    """

    kind: Kind
    cases: int
    answered: int
    wrong: tuple[Record, ...]
    elsewhere: int

    @property
    def words(self) -> str:
        """What the cell says, in words."""
        match self.kind:
            case "untried":
                return "every answer is wrong because of other options" if self.elsewhere else KINDS["untried"]
            case "refused":
                return f"refused in all {self.cases} cases"
            case "right":
                return f"{self.answered - self.elsewhere} of {self.cases} cases answered right" + self._but()
            case _:
                verb = "ignored" if self.kind == "ignored" else "wrong"
                return f"{verb} in {len(self.wrong)} of {self.answered} answers" + self._but()

    def _but(self) -> str:
        return f"; {self.elsewhere} more are wrong because of other options" if self.elsewhere else ""


@dataclass(frozen=True)
class Group:
    """Rows of the table that belong together: the options' names in the order of the alphabet."""

    title: str
    options: tuple[str, ...]


def options_by_case(cases: Mapping[str, Case]) -> dict[str, frozenset[str]]:
    """The options of each case, in words."""
    return {name: _options(case) for name, case in cases.items()}


def _options(case: Case) -> frozenset[str]:
    return (options_of(case) - _NO_ROWS) | {ANY} | ({STACK} if case.layers > 1 else set())


def groups_of(options: Mapping[str, frozenset[str]], ids: set[str]) -> list[Group]:
    """The options that some of the cases have and others lack, in groups, after the row of all cases."""
    there = [options[each] for each in ids if each in options]
    common = frozenset.intersection(*there) if there else frozenset()
    names = sorted({ANY, *(name for each in there for name in each - common)})
    rows = {title: tuple(name for name in names if _group(name) == title) for title in _GROUPS}
    return [Group(title, options) for title, options in rows.items() if options]


def _group(option: str) -> str:
    for title, begins in _GROUPS.items():
        if any(option == each or (each.endswith(" ") and option.startswith(each)) for each in begins):
            return title
    return _OTHERS


def cells_of(
    records: Sequence[Record], options: Mapping[str, frozenset[str]], groups: Sequence[Group]
) -> dict[str, Cell]:
    """The cell of each row that a case of the records has; cases that are not known are left out."""
    by_option: dict[str, list[Record]] = {}
    for name in (name for group in groups for name in group.options):
        if found := [record for record in records if name in options.get(record.case, ())]:
            by_option[name] = found
    blamed = dict(_blamed(by_option))
    return {name: _cell(found, blamed.get(name, ())) for name, found in by_option.items()}


def _blamed(by_option: Mapping[str, Sequence[Record]]) -> Iterator[tuple[str, tuple[Record, ...]]]:
    """The options that are to blame, each with its wrong answers, in the order in which they are found out."""
    answered = {
        name: {record.case: record for record in found if record.outcome_class is not Unsupported}
        for name, found in by_option.items()
    }
    while True:
        wrong = {name: [r for r in found.values() if r.outcome_class.wrong] for name, found in answered.items()}
        guilty = [name for name, found in wrong.items() if found]
        if not guilty:
            return
        # One more answer to each: an option with a single case, which is wrong, has shown little.
        worst = max(guilty, key=lambda name: (len(wrong[name]) / (len(answered[name]) + 1), name))
        yield worst, tuple(wrong[worst])
        explained = {record.case for record in wrong[worst]}
        answered = {name: {c: r for c, r in found.items() if c not in explained} for name, found in answered.items()}
        del answered[worst]


def _cell(found: Sequence[Record], wrong: tuple[Record, ...]) -> Cell:
    answers = [record for record in found if record.outcome_class is not Unsupported]
    elsewhere = sum(record.outcome_class.wrong for record in answers) - len(wrong)
    kind: Kind = "refused" if not answers else "untried" if elsewhere == len(answers) else "right"
    if wrong:
        kind = "ignored" if 2 * sum(map(_ignores, wrong)) > len(wrong) else "wrong"
    return Cell(kind, len(found), len(answers), wrong, elsewhere)


def _ignores(record: Record) -> bool:
    """Whether a wrong answer is that of a computation which leaves something out."""
    named = record.suspects[0].mistakes if record.suspects else record.deviation.mistake if record.deviation else ()
    return bool(IGNORING.intersection(named))
