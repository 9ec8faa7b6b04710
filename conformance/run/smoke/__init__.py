"""`conformance smoke`: checks that an adapter is sound, before any golden value matters.

An adapter that ignores an option, forgets a tensor or keeps a state from the last call makes its framework look
wrong. Such faults can be found without golden values: what an adapter declares must change its answer, and what
should change nothing must leave it as it is.

    declared.py     reads what the class declares, in a separate process
    questions.py    `Check`: two questions, and how their answers must relate
    options.py, tensors.py, conduct.py    the checks that an adapter's `Capabilities` call for
    crossed.py      those of options together with calls, blocks, lengths and directions
    asker.py        puts questions to the adapter's worker
    finding.py      `Finding`: what was found with one check
    checking.py     `Smoke`: runs the checks in order, with one `Finding` each
"""

from __future__ import annotations

from conformance.run.smoke.checking import Smoke
from conformance.run.smoke.finding import Finding

__all__ = ["Finding", "Smoke"]
