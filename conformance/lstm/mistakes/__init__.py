"""The catalogue of mistakes: every known way to get an LSTM wrong, each as an actual wrong computation.

It serves three masters: the generator (the vectors have to tell each mistake from a right answer), the diagnosis of a
failure (which mistakes reproduce the wrong numbers?), and the tests (each mistake as an adapter that must fail and be
named). docs/mistakes.md is made from it.
"""

from conformance.lstm.mistakes.base import Mistake
from conformance.lstm.mistakes.catalogue import BY_ID, CATALOGUE, unknown

__all__ = ["BY_ID", "CATALOGUE", "Mistake", "unknown"]
