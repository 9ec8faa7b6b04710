"""The activation functions and their derivatives, on balls.

Definitions: docs/equations.md, section 2 (those of the ONNX operator LSTM, where it has them). A ball that straddles
the border of two branches gets the union of both, which contains the true value but is wide. A ball that straddles a
kink (of relu or of a clip) has no derivative yet, so more bits are requested; a number exactly at a kink has no
derivative, and the case is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import arb

from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.lstm.oracle.rounding import Undecided

Function = Callable[[arb], arb]


def on_balls(activation: Activation) -> Function:
    """The function on balls; alpha and beta are exact float64 numbers."""
    alpha, beta = arb(activation.alpha or 0.0), arb(activation.beta or 0.0)
    functions: dict[str, Function] = {
        "sigmoid": _sigmoid,
        "tanh": lambda x: x.tanh(),
        "relu": lambda x: x.max(0),
        "hard_sigmoid": lambda x: (alpha * x + beta).max(0).min(1),
        "affine": lambda x: alpha * x + beta,
        "leaky_relu": lambda x: _branch(x, 0, x, alpha * x),
        "thresholded_relu": lambda x: _branch(x, alpha, x, arb(0)),
        "scaled_tanh": lambda x: alpha * (beta * x).tanh(),
        # e^x - 1 only where its branch is possible: for large x it is infinite.
        "elu": lambda x: x if x >= 0 else _branch(x, 0, x, alpha * x.expm1()),
        "softsign": lambda x: x / (1 + abs(x)),
        "softplus": _softplus,
        "linear": lambda x: x,
    }
    function = functions[activation.name]

    def decided(x: arb) -> arb:
        # A finite argument has a finite value. Where the ball is so wide that a divisor may be 0, the result is not
        # finite, and must not be mistaken for a NaN or infinity of the case.
        value = function(x)
        if x.is_finite() and not value.is_finite():
            raise Undecided(f"the argument of {activation.name} is lost")
        return value

    return decided


def _branch(x: arb, border: Any, above: arb, below: arb) -> arb:
    """`above` where x >= border, `below` where x < border, the union of both where x may be either."""
    if x >= border:
        return above
    return below if x < border else above.union(below)


def _sigmoid(x: arb) -> arb:
    # Only e to a negative power is taken: e^1e300 is too large even for arb, e^-1e300 becomes 0 +- tiny.
    if x < 0:
        power = x.exp()
        return power / (1 + power)
    return 1 / (1 + (-x).exp())


def _softplus(x: arb) -> arb:
    return (-x).exp().log1p() + x if x > 0 else x.exp().log1p()


def derivative(case: Case, activation: Activation) -> Function:
    """The derivative on balls."""
    alpha, beta = arb(activation.alpha or 0.0), arb(activation.beta or 0.0)
    one, zero = arb(1), arb(0)

    def over(x: Any, border: Any) -> bool:
        return above(case, x, border)

    functions: dict[str, Function] = {
        # 1 / ((1 + e^x) (1 + e^-x)), with powers of -|x| only: e^1e300 is too large even for arb.
        "sigmoid": lambda x: (-abs(x)).exp() / (1 + (-abs(x)).exp()) ** 2,
        "tanh": lambda x: x.sech() ** 2,
        "relu": lambda x: one if over(x, 0) else zero,
        "hard_sigmoid": lambda x: alpha if over(alpha * x + beta, 0) and over(1, alpha * x + beta) else zero,
        "affine": lambda x: alpha,
        "leaky_relu": lambda x: one if over(x, 0) else alpha,
        "thresholded_relu": lambda x: one if over(x, alpha) else zero,
        "scaled_tanh": lambda x: alpha * beta * (beta * x).sech() ** 2,
        "elu": lambda x: one if over(x, 0) else alpha * x.exp(),
        "softsign": lambda x: 1 / (1 + abs(x)) ** 2,
        "softplus": lambda x: 1 / (1 + (-x).exp()) if x > 0 else x.exp() / (1 + x.exp()),
        "linear": lambda x: one,
    }
    return functions[activation.name]


def above(case: Case, x: Any, border: Any) -> bool:
    """Whether x > border, where the border is a kink, at which there is no derivative."""
    x, border = arb(x), arb(border)
    if x > border:
        return True
    if x < border:
        return False
    if x.is_exact() and border.is_exact():
        raise GenerationError(f"{case.id}: a number is exactly at a kink, where there is no gradient")
    raise Undecided("a number may be on either side of a kink")
