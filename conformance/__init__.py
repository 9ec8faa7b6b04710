"""Conformance suite for LSTM layers: proven golden vectors and the judge that checks frameworks against them."""

__version__ = "0.1.0"
