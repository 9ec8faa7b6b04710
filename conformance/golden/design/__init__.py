"""The design of cases: which combinations of options and sizes the suite asks for, chosen by rule, not by hand.

    factors.py     the options and sizes that are combined, and what each level means in a spec
    rules.py       which levels never occur together
    rows.py        a row of the design, and the case that it makes
    sizes.py       what its vector costs
    arrays.py      the covering array: every pair of levels, and every pair of options with each direction
    chances.py     how likely a mistake drawn at random is to be shown by a case
    fitness.py     cases that show nothing
    choosing.py    further rows for one interface: its pairs, and the mistakes that it could make
    draw.py        the whole design, file by file
    text.py        its specs

`conformance design` writes specs/designed.yaml and specs/designed-*.yaml; docs/design-of-cases.md has the numbers.
"""
