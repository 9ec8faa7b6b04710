"""What people bring instead of an adapter: a model file, whose LSTM layers become cases of a suite of their own.

wanted         what the user asks of the cases
bring          from a file to its layers, whatever kind it is
brought        a layer with its sizes and inputs, no matter which file it was in
inputs         arrays that the user gives
onnx_inputs    what reaches a node when the model is run on inputs of its own
onnx_single    a node as a model of its own
suite          writes layers as a folder of specs, weights and nodes
own_nodes      the file of that folder that runs the nodes
engines        the nodes of the file in the engines that read them
running        runs cases, each implementation in a worker of its own
checked        what came of a check
checking       the whole of a check: suite, proof, answers
recorded       judges numbers that were recorded elsewhere
known          what the known deviations say of a layer
"""
