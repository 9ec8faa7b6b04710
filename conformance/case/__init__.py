"""The vocabulary that all other parts share: cases and their options, tensors, outcomes, errors; reads YAML to `Case`.

Nothing here computes an LSTM, and nothing here imports another part of the package.
"""
