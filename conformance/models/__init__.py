"""What people bring instead of an adapter: a model file, whose LSTM layers become cases of a suite of their own.

onnx_graph     reads an ONNX model safely and finds every LSTM in it
onnx_values    follows a tensor of the graph to the numbers that it always has
onnx_layer     an LSTM node as the keys of a case and its weights
suite          writes layers as a folder of specs, weights and vectors
engines        runs the very nodes of the file in the engines that read it
"""
