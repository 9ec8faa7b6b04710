"""The oracle: what a case computes, proven to the last bit of float64.

The independent witness. The equations are evaluated in ball arithmetic: every number is an interval that certainly
holds the true value (python-flint `arb`; Johansson 2017, "Arb: efficient arbitrary-precision midpoint-radius interval
arithmetic"). Where an output's interval is so small that all of it rounds to one float64, that float64 is the correctly
rounded true value, on every processor; until then everything is computed again with twice the bits.

The code is this package's own: of the rest it knows the vocabulary only, conformance.case.

    arrays          a case's arrays as exact balls, and balls as float64
    activations     the activation functions and their derivatives
    forward         the forward pass
    tape, gradients the forward pass on nodes that can be differentiated
    rounding        the one float64 that all of a ball rounds to
    proof           as many bits as it takes
"""

from conformance.lstm.oracle.proof import Proof, prove

__all__ = ["Proof", "prove"]
