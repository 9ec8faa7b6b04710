"""Engines behind a command, in any language: the protocol of docs/harness.md, and the adapter that speaks it.

errors.py         what can be wrong with a harness
frames.py         a JSON line and a number of bytes
messages.py       the models of every message, and their JSON Schemas
resolved.py       the case as a harness gets it
describe.py       what `--describe` prints
conversation.py   the process: one request, one answer
trace.py          a transcript for the author
adapter.py        the adapter, for a command or for a harness that a package ships
"""
