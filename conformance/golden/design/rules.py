"""Which rows there are: those of which a case can be made, and which show something."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.golden.design.factors import DEFAULTS, HALF, OPTIONS


@dataclass(frozen=True)
class Rule:
    """Some factors, and which of their levels never occur together. text: why."""

    text: str
    factors: tuple[str, ...]
    excluded: Callable[..., bool]

    def known(self, row: Mapping[str, Any]) -> bool:
        """Whether a row, which may be incomplete, has all of its factors."""
        return all(name in row for name in self.factors)

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a row that has all of its factors keeps to it."""
        return not self.excluded(*(row[name] for name in self.factors))


def _never(text: str, **levels: Collection[str] | Callable[[int], bool]) -> Rule:
    """Levels of some factors that exclude each other; of a size, a function that says which are meant."""
    among = [level if callable(level) else level.__contains__ for level in levels.values()]
    return Rule(text, tuple(levels), lambda *row: all(each(level) for each, level in zip(among, row, strict=True)))


def _but(option: str, *levels: str) -> list[str]:
    """Every level of an option but these; but the plain one, if none is named."""
    return [level for level in OPTIONS[option] if level not in (levels or (DEFAULTS[option],))]


def _with(option: str, word: str) -> list[str]:
    """The levels of an option that have a word in them, but the plain one."""
    return [level for level in _but(option) if word in level]


def _one(size: int) -> bool:
    return size == 1


def _below(least: int) -> Callable[[int], bool]:
    return lambda size: size < least


def _above(most: int) -> Callable[[int], bool]:
    return lambda size: size > most


_NONE, _SOME = (lambda size: size == 0), (lambda size: size > 0)
_STREAMS = ("blocks", "single steps")
_BACKWARD = ("reverse", "bidirectional")
_LOSSES = _with("head", "cross-entropy")
_LAST_STEP = _with("head", "last step")
_STATELESS = ("no states", "no c0")
_HARD = ("hard sigmoid", "hard sigmoid of Keras")
_TINY = ("tiny numbers", "tiny gradients")
_BENT = _but("activations", "usual activations", "softsign")

RULES: tuple[Rule, ...] = (
    _never("a projection has a size", projection=_but("projection"), P=_NONE),
    _never("what there is not has none", projection=("no projection",), P=_SOME),
    _never("a head has a size", head=_but("head"), O=_NONE),
    _never("what there is not has none", head=("no head",), O=_SOME),
    Rule("PyTorch's projection is narrower than its cell", ("P", "H"), lambda P, H: P >= H),
    _never("a loss needs two classes", head=_LOSSES, O=_one),
    _never("lengths that differ need rows", lengths=("unsorted lengths", "empty rows"), B=_one),
    _never("lengths below T need steps", lengths=("one length", "unsorted lengths"), T=_one),
    _never("holes need steps around them", lengths=("holes",), T=_below(4)),
    _never("nothing is handed over without lengths", lengths=("no lengths",), handed_over=_but("handed_over")),
    _never("a packed sequence has no holes", lengths=("holes",), handed_over=_with("handed_over", "packed")),
    _never("a division into blocks needs steps", division=_STREAMS, T=_one),
    _never("few single steps", division=("single steps",), T=_above(17)),
    _never("a division into calls needs rows", division=("calls",), B=_one),
    _never("a stream runs forward", division=_STREAMS, direction=_BACKWARD),
    _never("a stream has no holes", division=_STREAMS, lengths=("holes",)),
    _never("gradients are truncated between blocks", gradients=("truncated",), division=("undivided", "calls")),
    _never("gradients need all rows", gradients=_but("gradients"), division=("calls",)),
    _never("a loss needs all rows", head=_LOSSES, division=("calls",)),
    _never("gradients need a step of each row", gradients=_but("gradients"), lengths=("empty rows",)),
    _never("a loss needs a step of each row", head=_LOSSES, lengths=("empty rows",)),
    _never(
        "gradients through a head need its loss", gradients=_but("gradients"), head=("head", _LAST_STEP[0], "softmax")
    ),
    _never("the last step is a forward scan's", head=_LAST_STEP, direction=_BACKWARD),
    _never("the last step is every row's", head=_LAST_STEP, lengths=_but("lengths")),
    _never("the forget gate is 1 - i", coupling=("forget=1-input",), forget_bias=_but("forget_bias")),
    _never(
        "activations of two directions", activations=("activations per direction",), direction=("forward", "reverse")
    ),
    _never("NNAPI's cell has no gate clip", norm=("nnapi norm",), gate_clip=_but("gate_clip")),
    _never("LayerNormBasicLSTMCell has no biases", norm=("basic norm",), bias=("biases",)),
    *(
        _never(f"LayerNormBasicLSTMCell has no {option}", norm=("basic norm",), **{option: _but(option)})
        for option in ("gate_clip", "peephole", "cell_clip", "coupling", "projection")
    ),
    # What rounding does beside a bend or a bound decides a gradient as a whole, and half formats round a lot.
    _never("gradients in half formats are smooth", gradients=_but("gradients"), dtype=HALF, activations=_BENT),
    *(
        _never(
            "gradients in half formats have no bounds",
            **{"gradients": _but("gradients"), "dtype": HALF, option: _with(option, "clip")},
        )
        for option in ("gate_clip", "cell_clip", "projection")
    ),
    # A number exactly at a bend has no gradient: c without a start, under a relu; what a shut gate makes of it.
    _never("a relu of 0 has no gradient", gradients=_but("gradients"), activations=("relu",), states=_STATELESS),
    _never("nor has that of an x of 0", gradients=_but("gradients"), activations=("relu",), bias=("no bias",)),
    _never("nor has a bound that is held", gradients=_but("gradients"), activations=_HARD, cell_clip=("cell clip",)),
    _never("nor has one of a shut gate", gradients=_but("gradients"), activations=("steep activations",)),
    _never("few units have no deviation to divide by", norm=_but("norm"), H=_below(5)),
    _never("a norm makes small errors large", norm=_but("norm"), dtype=HALF, gradients=_but("gradients")),
    _never("a norm makes large numbers small", norm=_but("norm"), numbers=("large numbers",)),
    _never("few tiny numbers are subnormal", numbers=("tiny numbers",), H=_below(5)),
    _never("each layer makes tiny numbers smaller", numbers=("tiny numbers",), layers=("3 layers",)),
    _never("tiny numbers have no biases beside them", numbers=("tiny numbers",), bias=("biases",)),
    _never(
        "tiny numbers have no biases beside them", numbers=("tiny numbers",), projection=_with("projection", "bias")
    ),
    _never("a norm makes tiny numbers large", numbers=("tiny numbers",), norm=_but("norm")),
    _never("wide states are not tiny", numbers=("tiny numbers",), cell_clip=("cell clip",)),
    _never("the reference itself computes in float64", numbers=_TINY, dtype=("float64",)),
    # A weight's gradient is a sum over steps and rows, of which each term is rounded as the smallest numbers are.
    *(
        _never("sums of tiny numbers keep their bits", numbers=_TINY, gradients=_but("gradients"), **{size: _above(17)})
        for size in "TB"
    ),
    _never("tiny gradients are gradients", numbers=("tiny gradients",), gradients=("no gradients",)),
    _never("the gradient of a cross-entropy is not tiny", numbers=("tiny gradients",), head=_LOSSES),
    _never(
        "that of a peephole is tiny twice",
        numbers=("tiny numbers",),
        peephole=_but("peephole"),
        gradients=_but("gradients"),
    ),
    _never("large numbers stay bounded", numbers=("large numbers",), activations=("relu", "elu", "steep activations")),
    _never("a clip would bound every large number", numbers=("large numbers",), cell_clip=("cell clip",)),
)
"""Every rule."""
