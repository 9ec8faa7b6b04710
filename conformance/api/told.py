"""What a user says of a function or a layer of their own: the options of `check` and `assert_conforms`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack, get_args

from conformance.adapters.base import EmptyRows, PaddedY
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.layouts import Layout
from conformance.api.cases import LSTMCase
from conformance.api.judging import demanded
from conformance.api.layouts import named
from conformance.case.errors import ConformanceError


class CheckOptions(TypedDict, total=False):
    """The options of `check` and `assert_conforms`, all of which may be left out.

    Attributes:
        cases: patterns for ids, as `cases` takes them, or cases. By default all that are written by hand, in float32
            and float64; what is not supported is refused.
        layout: the names and the arrangement of the weights: a name (`torch`, `keras`, ...), or a Layout whose names
            are those of your parameters. By default `torch`, and `keras` for a Keras layer.
        load: `load(module, weights)` sets the weights of a module, for what no layout can say.
        call: calls a module: a function of `module` and of any of `x`, `state`, `h0`, `c0`, `lengths`, `mask`.
        batch_first: whether x and y are (B, T, .). By default what the module's attribute of this name says, else not;
            a Keras layer always is.
        layer_axis: whether states are (layers * directions, B, .), as nn.LSTM has them, or (B, .).
        gradients: whether those of a torch module or a Keras layer are checked, too.
        supports: what it accepts, where that is more than its signature shows.
        padded_y, empty_rows: your contracts (docs/adapters.md, Contracts).
        maxfail: stop after so many wrong answers; None: never.
        specs, vectors: folders of your own.
        name: what messages call it.
    """

    cases: str | Sequence[str | LSTMCase] | None
    layout: str | Layout | None
    load: Callable[[Any, dict[str, Any]], object] | None
    call: Callable[..., Any] | None
    batch_first: bool | None
    layer_axis: bool
    gradients: bool
    supports: Capabilities | None
    padded_y: PaddedY | None
    empty_rows: EmptyRows
    maxfail: int | None
    specs: str | Path | None
    vectors: str | Path | None
    name: str | None


@dataclass(frozen=True)
class Told:
    """The same, as far as it is about the layer; the fields are those of `CheckOptions`."""

    name: str
    layout: Layout | None = None
    load: Callable[[Any, dict[str, Any]], object] | None = None
    call: Callable[..., Any] | None = None
    batch_first: bool | None = None
    layer_axis: bool = True
    gradients: bool = True
    supports: Capabilities | None = None
    padded_y: PaddedY | None = None
    empty_rows: EmptyRows = "initial"

    @classmethod
    def of(cls, subject: Any, **options: Unpack[CheckOptions]) -> Told:
        """From the options of a call.

        Raises:
            ConformanceError: there is no such layout, or options do not go together.
        """
        supports, layout = options.get("supports"), options.get("layout")
        if supports is not None and not isinstance(supports, Capabilities):
            raise ConformanceError(
                f"supports is a {type(supports).__name__}; it must be a conformance.Capabilities(...)"
            )
        padded_y = options.get("padded_y")
        if padded_y is not None:
            demanded("padded_y", padded_y, get_args(PaddedY))
        demanded("empty_rows", options.get("empty_rows", "initial"), get_args(EmptyRows))
        own = options.get("name") or getattr(subject, "__name__", "") or type(subject).__name__
        if own == "<lambda>":
            own = "your layer"
        return cls(
            name=own,
            layout=None if layout is None else named(layout),
            load=options.get("load"),
            call=options.get("call"),
            batch_first=options.get("batch_first"),
            layer_axis=options.get("layer_axis", True),
            gradients=options.get("gradients", True),
            supports=supports,
            padded_y=padded_y,
            empty_rows=options.get("empty_rows", "initial"),
        )


def parameters_of(function: Any) -> dict[str, inspect.Parameter]:
    """The parameters by which a function or class is called, by name; those of `*args` and `**kwargs` are left out."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return {}
    return {each.name: each for each in found if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)}


def arguments_for(
    function: Any, offered: Mapping[str, Any], instead: Mapping[str, Callable[[], Any]], what: str
) -> dict[str, Any]:
    """The arguments that a function asks for by the names of its parameters.

    Args:
        function: it.
        offered: what there is, by name; None for what the case does not have.
        instead: what stands in for that where the parameter has no default.
        what: how a message calls the function.

    Raises:
        ConformanceError: it asks for something else.
    """
    found: dict[str, Any] = {}
    for name, parameter in parameters_of(function).items():
        optional = parameter.default is not parameter.empty
        if name not in offered:
            if optional:
                continue
            raise _not_offered(what, name, offered)
        if offered[name] is not None:
            found[name] = offered[name]
        elif not optional:
            found[name] = instead[name]() if name in instead else None
    return found


def demand_offered(function: Any, offered: Collection[str], what: str) -> None:
    """Raises ConformanceError if a function has a parameter that it would not be given."""
    for name, parameter in parameters_of(function).items():
        if name not in offered and parameter.default is parameter.empty:
            raise _not_offered(what, name, offered)


def _not_offered(what: str, name: str, offered: Collection[str]) -> ConformanceError:
    return ConformanceError(
        f"{what} has a parameter {name!r}; it is called with those of {', '.join(offered)} that it names"
    )


def arguments_of(maker: Any, offered: Mapping[str, Any], hint: str, what: str) -> dict[str, Any]:
    """The arguments by which a class is called: those of `offered` that its signature names.

    Raises:
        ConformanceError: it needs another one.
    """
    found: dict[str, Any] = {}
    for name, parameter in parameters_of(maker).items():
        if name in offered:
            found[name] = offered[name]
        elif parameter.default is parameter.empty:
            raise ConformanceError(
                f"{what} needs an argument {name!r}, which is none of {', '.join(offered)}; say how it is made: {hint}"
            )
    return found
