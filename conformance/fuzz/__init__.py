"""Cases drawn without end, to find what no listed case asks: `conformance fuzz`.

    drawing     the layers and the questions of a seed, within an adapter's capabilities
    moods       layers for small numbers, and for NaN and infinities
    magnitudes  the numbers, from subnormal to saturating; filling: the tensors of a case
    questions   several questions for one layer as one case, and back
    asking      a worker that is asked ahead, and survives what ends it
    answers     what an answer says
    sources     which bundle is asked next
    judging     a quick test that never passes a wrong answer, and the exact one for what it leaves
    rough       kappa of many questions at once, as float32 shows it
    relations   what has to be the same, which needs no right answer
    known       failures that a known deviation, or an earlier failure, explains
    approximated  what known mistakes lead to beyond their own digits
    piece       a range of case numbers of a seed: what is wrong there; found: how it is handed on
    reductions  a smaller case made from a case; shrinking: the smallest that is still wrong
    findings    one for each kind of failure, proven; writing: the files of a finding
    pieces      the pieces of a campaign, one after the other or side by side
    campaign    these until the cases or the minutes are over, and what was found

A piece depends on the adapter, the seed and its range alone.
"""
