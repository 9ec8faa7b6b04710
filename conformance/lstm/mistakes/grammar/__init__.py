"""The grammar of mistakes: every mistake that can be said in four words, as an actual wrong computation.

The catalogue lists mistakes that are known; a suite that catches them may have been tuned to them. This grammar makes
mistakes that nobody has listed. A mistake is

    site        an operation of the reference, forward or backward          sites.py
    fault       what happens to its value                                   faults.py
    locality    where: all over, or in a part of an axis                    localities.py
    condition   when: always, or only with or without a property of cases   conditions.py

and its id are these four words: `recurrent-product:dropped:units-tail-16:only-with-lengths`.

    traced.py   the reference that knows where it is, and makes the mistake there
    forward.py, backward.py   hand every operation to it
    sampled.py  `Sampled`, `sampled(words)` and `draw(random)`
"""

from conformance.lstm.mistakes.grammar.sampled import Sampled, draw, sampled

__all__ = ["Sampled", "draw", "sampled"]
