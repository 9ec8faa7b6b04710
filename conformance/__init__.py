"""Conformance suite for LSTM layers: proven golden vectors, and the judge that holds frameworks to them."""

__version__ = "0.1.0"
