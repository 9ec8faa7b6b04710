"""The mathematics: the reference, the oracle, rounding noise."""
