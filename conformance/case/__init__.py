"""The vocabulary every other part speaks: cases and their options, tensors, outcomes, errors; YAML in, `Case` out.

Nothing here computes an LSTM and nothing here imports another part of the package.
"""
