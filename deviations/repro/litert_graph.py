"""A LiteRT model of one sequence LSTM operator, and the shapes and numbers of one LSTM unit for it."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools.flatbuffer_utils import convert_object_to_bytearray


def model(kind, inputs, output_shape, activation="TANH", states=(), **options):
    """The bytes of the model and the index of its output; the index of an input is its place.

    inputs: an array is a constant, None an absent input, a shape a tensor to be filled: x first, then the states.
    states: the places of states that are inputs and outputs of the model, after x and y.
    """
    tensors, buffers = [], [schema.BufferT()]
    for place, value in enumerate(inputs):
        tensors.append(schema.TensorT(name=f"t{place}", type=schema.TensorType.FLOAT32, shape=[1]))
        if isinstance(value, np.ndarray):
            tensors[-1].shape, tensors[-1].buffer = list(value.shape), len(buffers)
            buffers.append(schema.BufferT(data=np.frombuffer(value.astype(np.float32).tobytes(), np.uint8)))
        elif value is not None:
            tensors[-1].shape, tensors[-1].isVariable = list(value), place > 0
    tensors.append(schema.TensorT(name="y", type=schema.TensorType.FLOAT32, shape=list(output_shape)))
    fused = getattr(schema.ActivationFunctionType, activation)
    code = getattr(schema.BuiltinOperator, f"{kind.upper()}_SEQUENCE_LSTM")
    operator = schema.OperatorT(
        inputs=[-1 if value is None else place for place, value in enumerate(inputs)],
        outputs=[len(inputs)],
        builtinOptionsType=getattr(schema.BuiltinOptions, f"{kind}SequenceLSTMOptions"),
        builtinOptions=getattr(schema, f"{kind}SequenceLSTMOptionsT")(fusedActivationFunction=fused, **options),
    )
    graph = schema.SubGraphT(tensors=tensors, inputs=[0, *states], outputs=[len(inputs), *states], operators=[operator])
    codes = [schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code, version=1)]
    whole = schema.ModelT(version=3, subgraphs=[graph], operatorCodes=codes, buffers=buffers)
    return bytes(convert_object_to_bytearray(whole)), len(inputs)


def unit(W, R=(0, 0, 0, 0), b=(0, 0, 0, 0)):
    """The 17 weights of one direction for I = H = 1, gates i, f, g, o; no peephole, no projection."""
    matrices = [np.full((1, 1), value) for value in (*W, *R)]
    return [*matrices, None, None, None, *(np.full(1, value) for value in b), None, None]
