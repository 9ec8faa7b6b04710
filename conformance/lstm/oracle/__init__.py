"""The oracle: the outputs of a case, proven to the last bit of float64.

It is independent of the reference. The equations are evaluated in ball arithmetic: every number is an interval that is
certain to contain the true value (python-flint `arb`; Johansson 2017, "Arb: efficient arbitrary-precision
midpoint-radius interval arithmetic"). Once an output's interval is so small that all of it rounds to one float64, that
float64 is the correctly rounded true value, on every processor; until then everything is recomputed with twice the
bits.

It shares no code with the reference: it imports only the vocabulary, conformance.case.

    arrays          from a case's arrays to exact balls, and from balls to float64
    activations     the activation functions and their derivatives
    forward         the forward pass
    tape, gradients the forward pass on nodes that can be differentiated
    rounding        the one float64 that all of a ball rounds to
    proof           raises the number of bits until every output is decided
"""

from conformance.lstm.oracle.proof import Proof, prove

__all__ = ["Proof", "prove"]
