"""brook, a small LSTM engine in C, and its adapter for lstm-conformance."""
