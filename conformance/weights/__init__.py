"""Reads the files in which people keep weights, and finds the LSTM layers in them. Nothing of a file is executed.

read    conformance.weights.reading.read(path) -> Held: tensors by name, and what the file says of options
find    conformance.weights.finding.find(held) -> FoundLayer, one for each LSTM layer: options and weights

What a model in ONNX's format has is found by onnx_graph (reads it safely, and every graph in it), onnx_find (every LSTM
in it, those too that are made of single operators), onnx_values (follows a tensor to the numbers that it always has),
onnx_sizes (to the sizes that the file says) and onnx_layer (a node as the keys of a case and its weights).
"""
