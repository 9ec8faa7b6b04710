"""Mistakes: ways to get an LSTM wrong, each as an actual wrong computation.

    catalogue   every known mistake, by the part of the LSTM that it belongs to; docs/mistakes.md is generated from it
    grammar     every mistake that can be said in four words, for measuring what the vectors do to unknown ones

The catalogue has three users: the generator (the vectors must tell each mistake from a right answer), the diagnosis of
a failure (which mistakes reproduce the wrong numbers?) and the tests (each mistake, as an adapter, must fail and be
named).
"""

from conformance.lstm.mistakes.base import Mistake
from conformance.lstm.mistakes.catalogue import BY_ID, CATALOGUE, unknown

__all__ = ["BY_ID", "CATALOGUE", "Mistake", "named", "unknown"]


def named(mistake: str) -> Mistake:
    """The mistake of an id: one of the catalogue, or four words of the grammar.

    Raises:
        ValueError: there is none; the message names what is near it.
    """
    if ":" in mistake:
        from conformance.lstm.mistakes.grammar import sampled  # a run that asks for none need not load it

        return sampled(mistake).mistake
    if mistake not in BY_ID:
        raise ValueError(unknown(mistake))
    return BY_ID[mistake]
