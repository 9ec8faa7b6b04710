"""Reads the files in which people keep weights, and finds the LSTM layers in them. Nothing of a file is executed.

read    conformance.weights.reading.read(path) -> Held: tensors by name, and what the file says of options
find    conformance.weights.finding.find(held) -> FoundLayer, one for each LSTM layer: options and weights
"""
