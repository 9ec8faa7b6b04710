"""`--quick`: the cheapest cases that still catch every mistake which all cases catch with an adapter.

levels     how surely a case shows a mistake
catches    the table of catches: which case shows which mistake, stored beside the vectors
measure    makes the table, and says whether a stored one is up to date
seconds    what a case costs
listed     which known deviations keep a case out
cover      weighted set cover
choose     the cover for an adapter, and what each of its cases is there for
"""
