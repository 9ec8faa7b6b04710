"""The catalogue of mistakes: every known way to get an LSTM wrong, each as an actual wrong computation.

It has three users: the generator (the vectors must tell each mistake from a right answer), the diagnosis of a failure
(which mistakes reproduce the wrong numbers?) and the tests (each mistake, as an adapter, must fail and be named).
docs/mistakes.md is generated from it.
"""

from conformance.lstm.mistakes.base import Mistake
from conformance.lstm.mistakes.catalogue import BY_ID, CATALOGUE, unknown

__all__ = ["BY_ID", "CATALOGUE", "Mistake", "unknown"]
