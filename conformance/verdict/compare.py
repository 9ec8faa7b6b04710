"""The judge: the only place where an answer is compared to its golden values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from conformance.case.dtypes import BIAS_ALLOWED, INTEGERS, NOISE_ALLOWED
from conformance.case.model import Case
from conformance.case.outcomes import Difference, Failed, Passed
from conformance.case.tensors import Array, Arrays
from conformance.verdict.bias import bias_of
from conformance.verdict.contracts import DEFAULTS, Contracts
from conformance.verdict.noise import allowed, error, noise
from conformance.verdict.signed_zeros import wrong_signs

_SURELY = 0.999
"""Below this part of the tolerance, an error is within it no matter how the noise was rounded."""


def judge(
    case: Case,
    outputs: Mapping[str, Any],
    golden: Mapping[str, Array],
    kappa: Mapping[str, Array],
    *,
    precision: str,
    contracts: Contracts = DEFAULTS,
    arrays: Arrays | None = None,
) -> Passed | Failed:
    """Decide whether every output tensor of a case is right.

    Args:
        outputs: NumPy arrays by name; a text in place of an array says what was returned instead.
        golden, kappa: of the same names and shapes as `case.outputs`, under the default contracts.
        precision: the format of the arithmetic, whose unit roundoff is the unit of the tolerance.
        contracts: what the adapter declares where the equations leave a choice; the answer is judged by it.
        arrays: weights and inputs; without them, the signs of zeros are not judged.
    """
    golden, kappa = contracts.applied(case, dict(golden)), contracts.applied(case, dict(kappa))
    terms = case.tolerance.terms(precision)
    lenient = terms.keys() != {"noise"} or terms["noise"] > NOISE_ALLOWED[precision]
    differences: list[Difference] = []
    worst, biased, first_wrong = 0.0, 0.0, None
    for name, shape in case.outputs.items():
        problem = _form_problem(name, outputs, shape, case)
        if problem is not None:
            differences.append(Difference(name, problem))
            continue
        want, scale = golden[name], kappa[name]
        got = contracts.settled(case, name, outputs[name], want)
        found = noise(got, want, scale, precision)
        most = float(np.max(found, initial=0.0))
        worst = max(worst, most)
        # Certainly within the tolerance, despite the quotient's rounding; wider terms cannot change that.
        if not ("noise" in terms and most < _SURELY * terms["noise"]):
            wrong = ~_within(got, want, allowed(want, scale, case.tolerance, precision, case.np_dtype))
            if wrong.any():
                differences.append(_difference(name, got, want, found, wrong, terms))
                if name == "y":
                    first_wrong = _first_wrong(case, wrong)
                continue
        # A case that allows larger errors allows their mean. The error of an integer weight is in every step and row.
        if not lenient and precision not in INTEGERS:
            mean = bias_of(case, name, got, want, scale, precision)
            if mean is not None:
                biased = max(biased, mean.beyond_chance)
                if mean.beyond_chance > BIAS_ALLOWED[precision]:
                    differences.append(Difference(name, mean.problem(precision), most, within_tolerance=True))
    if not differences and not lenient and arrays is not None:
        settled = {name: contracts.settled(case, name, outputs[name], golden[name]) for name in case.outputs}
        signs = wrong_signs(case, arrays, settled, golden, precision)
        differences += [Difference(name, text, worst, within_tolerance=True) for name, text in signs.items()]
    if not differences:
        return Passed(worst, biased)
    return Failed(max(worst, *(d.noise for d in differences)), tuple(differences), first_wrong, bias=biased)


def has_the_form(case: Case, outputs: Mapping[str, Any]) -> bool:
    """Whether every output is an array of the right shape and dtype, so that its numbers can be compared."""
    return not form_problems(case, outputs)


def form_problems(case: Case, outputs: Mapping[str, Any]) -> list[str]:
    """What is wrong with the form of the outputs (presence, type, shape, dtype), one line per output.

    outputs: a name that the case does not ask for may be another name of one that is missing.
    """
    found = ((name, _form_problem(name, outputs, shape, case)) for name, shape in case.outputs.items())
    return [f"{name}: {problem}" for name, problem in found if problem is not None]


def _form_problem(name: str, outputs: Mapping[str, Any], shape: tuple[int, ...], case: Case) -> str | None:
    """What is wrong with the form of an output; None if nothing is."""
    got = outputs.get(name)
    if got is None:
        others = [other for other in outputs if other not in case.outputs]
        return "not returned" + (f"; returned without being asked for: {', '.join(others)}" if others else "")
    if not isinstance(got, np.ndarray):
        return f"is {got}, needs to be a NumPy array of {case.dtype}"
    if got.shape != shape:
        return f"has shape {got.shape}, needs {shape}"
    if got.dtype != case.np_dtype:
        return f"has dtype {got.dtype}, needs {case.dtype}"
    return None


def _within(got: Array, golden: Array, largest: Array) -> Array:
    """Which elements are right: equal to the golden value, or off by no more than the largest error allowed."""
    apart = error(got.astype(np.float64), golden)
    result: Array = (apart == 0.0) | (np.isfinite(golden) & (apart <= largest))
    return result


def _difference(
    name: str, got: Array, golden: Array, found: Array, wrong: Array, terms: dict[str, float]
) -> Difference:
    """One tensor's number of wrong elements, worst element and tolerance, as text."""
    # The worst wrong element; where several are infinitely wrong, the first.
    index = np.unravel_index(int(np.argmax(np.where(wrong, found, -1.0))), found.shape)
    at = ", ".join(str(int(i)) for i in index)
    value, want = float(got[index]), float(golden[index])
    digits = 17 if got.dtype == np.float64 else 9  # enough to distinguish any two numbers of the dtype
    problem = (
        f"{int(wrong.sum())} of {wrong.size} elements differ; worst {abs(value - want):.2g} at ({at}): "
        f"got {value:.{digits}g}, golden {want:.{digits}g}; noise {found[index]:.3g}, allowed {_allowed(terms)}"
    )
    return Difference(name, problem, float(found[index]))


def _allowed(terms: dict[str, float]) -> str:
    return " or ".join(f"{value:g}" if name == "noise" else f"{name} {value:g}" for name, value in terms.items())


def _first_wrong(case: Case, wrong: Array) -> str:
    """Where y is first wrong, in the order of processing: direction, step, batch row."""
    P = case.output_size
    for direction in range(case.D):
        half: Array = np.any(wrong[..., direction * P : (direction + 1) * P], axis=-1)
        if not half.any():
            continue
        reverse = case.reverse(direction)
        steps = np.flatnonzero(half.any(axis=1))
        step = int(steps[-1] if reverse else steps[0])
        row = int(np.flatnonzero(half[step])[0])
        return f"direction {'reverse' if reverse else 'forward'}, step {step}, row {row}"
    raise AssertionError("called without a wrong element")
