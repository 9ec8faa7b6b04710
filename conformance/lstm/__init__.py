"""The mathematics of an LSTM: the reference, the oracle, the rounding noise and the catalogue of mistakes."""
