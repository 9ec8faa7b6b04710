"""`conformance smoke`: is the adapter sound? Asked before any golden value counts.

An adapter that swallows an option, forgets a tensor or keeps a state from the last call makes its framework look
wrong. Such faults show without a golden value: what an adapter declares has to change its answer, and what must change
nothing has to leave it as it is.

    declared.py     what the class says of itself, read in a process of its own
    questions.py    `Check`: two questions and what their answers have to do with each other
    options.py, tensors.py, conduct.py    the checks that an adapter's `Capabilities` call for
    asker.py        puts questions to the adapter's worker
    checking.py     `Smoke`: one after the other, to a `Finding` each
"""

from __future__ import annotations

from conformance.run.smoke.checking import Finding, Smoke

__all__ = ["Finding", "Smoke"]
