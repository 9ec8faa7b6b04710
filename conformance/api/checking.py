"""`check` and `assert_conforms`: a function or a layer of the user's is asked one case after the other, in process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Unpack

import numpy as np

from conformance.adapters.base import Adapter
from conformance.api.cases import LSTMCase
from conformance.api.cases import cases as cases_of
from conformance.api.functions import OwnFunction
from conformance.api.layers import OwnLayer, is_maker, kind_of
from conformance.api.report import Report
from conformance.api.told import CheckOptions, Told
from conformance.case.errors import ConformanceError, UnsupportedOption
from conformance.case.model import Case
from conformance.case.outcomes import Errored, Unsupported
from conformance.case.tensors import Outputs
from conformance.results.result import Result
from conformance.run.assess import Assessment, assess
from conformance.run.messages import Ask, Computed
from conformance.run.worker import answer

_OPTIONS = CheckOptions.__annotations__
_DRAWN = ("designed", "sampled")
_FIRST = ("batch", "cell", "sequence")
_NO_LIMIT = 1e6


def check(subject: Any, **options: Unpack[CheckOptions]) -> Report:
    """Ask a function or a layer for its answer to each case, and judge it.

    Args:
        subject: a class of torch modules or Keras layers; a function of the case that makes one,
            `lambda case: MyLSTM(case.I, case.H)`; or a function that computes, whose parameters name what it is given
            (conformance.api.functions.OwnFunction): `def f(weights, x, h0, c0)`.
        options: see `conformance.api.told.CheckOptions`.

    Raises:
        ConformanceError: it cannot be asked: an option is wrong, a case is not there, it cannot be made, its parameters
            do not fit the layout, or it returns something else than outputs. What it raises itself is a wrong answer.
    """
    if unknown := sorted(options.keys() - _OPTIONS.keys()):
        raise ConformanceError(f"no option {unknown[0]!r}; there are {', '.join(_OPTIONS)}")
    told = Told.of(subject, **options)
    chosen = _chosen(options)
    adapter = _adapter_of(subject, told, {case.id: case for case in chosen})
    _try_out(adapter, told, chosen)
    results: list[Result] = []
    most, wrong = options.get("maxfail"), 0
    left_out: tuple[str, ...] = ()
    for result in _results(adapter, told, chosen):
        results.append(result)
        wrong += result.outcome.wrong
        if most is not None and wrong >= most and len(results) < len(chosen):
            left_out = (
                f"stopped after {wrong} wrong answers (maxfail); {len(chosen) - len(results)} cases were not run",
            )
            break
    if all(isinstance(each.outcome, Errored | Unsupported) for each in results) and wrong:
        left_out += (
            f"nothing was answered. {_HELP}; x is (T, B, I), or with batch_first=True (B, T, I); states are "
            "(layers * directions, B, H), or with layer_axis=False (B, H)",
        )
    if not told.gradients:
        left_out += ("gradients are left out, as you said",)
    return Report(told.name, tuple(results), left_out)


def assert_conforms(subject: Any, **options: Unpack[CheckOptions]) -> Report:
    """The same as `check`, for a test: it stops after `maxfail` wrong answers, 5 by default.

    Returns:
        The report, for what a test wants to look at besides.

    Raises:
        AssertionError: an answer is wrong, or no case was answered at all; the text is that of the report.
        ConformanceError: as `check`.
    """
    options.setdefault("maxfail", 5)
    report = check(subject, **options)
    if not report:
        why = "" if report.failed else "\nno case was answered; see supports= and cases="
        raise AssertionError(f"{report.name} does not conform\n\n{report}{why}")
    return report


def _chosen(options: CheckOptions) -> Sequence[LSTMCase]:
    folders: dict[str, Any] = {"specs": options.get("specs"), "vectors": options.get("vectors")}
    asked = options.get("cases")
    if asked is None:
        every = cases_of(**folders)
        own = folders["specs"] is not None
        if own:
            return every
        plain = [case for case in every if _is_plain(case)]
        return sorted(plain, key=lambda case: case.spec.family not in _FIRST)  # what most say something about
    given = [asked] if isinstance(asked, (str, LSTMCase)) else list(asked)
    if wrong := [each for each in given if not isinstance(each, (str, LSTMCase))]:
        raise ConformanceError(
            f"cases has a {type(wrong[0]).__name__}; give patterns for ids, or conformance.cases(...)"
        )
    if not given:
        raise ConformanceError("cases is empty; leave it out for all plain cases")
    patterns = [each for each in given if isinstance(each, str)]
    found = [each for each in given if isinstance(each, LSTMCase)]
    found += cases_of(*patterns, **folders) if patterns else []
    return list({case.id: case for case in found}.values())


def _is_plain(case: LSTMCase) -> bool:
    return (
        case.dtype in ("float32", "float64")
        and not case.spec.on_demand
        and not case.spec.family.startswith(_DRAWN)
        and case.spec.lengths_via in (None, "packed")
    )


def _adapter_of(subject: Any, told: Told, chosen: dict[str, LSTMCase]) -> Adapter:
    if not isinstance(subject, type) and kind_of(subject) is not None:
        raise ConformanceError(
            f"{told.name} has been made already, with sizes of its own, and every case has others; give its class, or "
            f"what makes it: lambda case: {told.name}(case.I, case.H)"
        )
    if not callable(subject):
        raise ConformanceError(f"a {type(subject).__name__} cannot be checked; give a function or a class of layers")
    layer = kind_of(subject) is not None or is_maker(subject)
    if isinstance(subject, type) and kind_of(subject) is None:
        raise ConformanceError(f"{told.name} is neither a class of torch modules nor of Keras layers; give a function")
    kind: type[OwnFunction | OwnLayer] = OwnLayer if layer else OwnFunction
    members = {
        "name": told.name,
        "capabilities": told.supports or kind.plain(subject, told),
        "told": told,
        "maker" if layer else "function": subject,
        "cases": chosen,
    }
    adapter: Adapter = type("Own", (kind,), members)()
    return adapter


def _try_out(adapter: Adapter, told: Told, chosen: Sequence[LSTMCase]) -> None:
    """Answer the first case that is not refused, so that what is wrong with the call is said once and as such.

    Raises:
        ConformanceError: it cannot be made or called, or returns something else than outputs.
    """
    for case in chosen:
        if case.spec.has_loss or adapter.capabilities.refusal(case.spec) is not None:
            continue
        try:
            outputs = adapter.run(case.spec, case.vector.arrays.weights, case.vector.arrays.inputs)
        except UnsupportedOption:
            continue
        except ConformanceError:
            raise
        except TypeError as error:
            raise ConformanceError(f"{told.name} cannot be called like this: {error}. {_HELP}") from error
        except Exception:
            return  # its own error, which is the outcome of a case
        _demand_order(case.spec, outputs, told)
        return


def _demand_order(case: Case, outputs: Outputs, told: Told) -> None:
    """Raises ConformanceError if the final states have a row for each step: the layer takes batches first."""
    found = outputs.get("h_n")
    rows, batch, size = case.outputs["h_n"]
    if isinstance(found, np.ndarray) and batch != case.T and found.shape == (rows, case.T, size):
        first = bool(told.batch_first)
        order, other = ("(B, T, I)", "(T, B, I)") if first else ("(T, B, I)", "(B, T, I)")
        raise ConformanceError(
            f"{told.name} was given x {order} and took its first two axes the other way round: its h_n has {case.T} "
            f"rows, not {batch}; if it takes {other}, say batch_first={not first}"
        )


_HELP = (
    "A function is given those of weights, x, h0, c0, lengths, mask and case that it names; a module is called as "
    "module(x) or module(x, (h0, c0)), or as you say with call=: call=lambda module, x, h0, c0: ..."
)


def _results(adapter: Adapter, told: Told, chosen: Sequence[LSTMCase]) -> Iterator[Result]:
    for case in chosen:
        reason = adapter.capabilities.refusal(case.spec)
        if reason is not None:
            found = Assessment(Unsupported(f"{told.name} {reason}"))
        else:
            told_by = answer(adapter, Ask.of(case.spec, case.vector.arrays, _NO_LIMIT))
            found = assess(case.spec, case.vector, told_by, (), along_time=False)
            if isinstance(told_by, Computed):
                found = replace(found, precision=told_by.precision)
        subject = told.name if told.name.isidentifier() else "..."
        again = f"conformance.check({subject}, cases={case.id!r}, ...)"
        wrong = found.outcome.wrong
        yield Result(
            case.spec,
            told.name,
            found.outcome,
            adapter.versions,
            found.precision,
            found.seconds,
            again=again if wrong else "",
        )
