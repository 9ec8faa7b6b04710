"""The initial parameters of PyTorch's modules: the tensors, the order in which they are drawn, and their bounds.

Sources: PyTorch torch/nn/modules/rnn.py, torch/nn/modules/linear.py and torch/nn/init.py.
"""

from __future__ import annotations

import math

from conformance.golden.torch_random.fused import Floats
from conformance.golden.torch_random.generator import TorchGenerator, check_dtype


def lstm_parameters(
    generator: TorchGenerator,
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    bidirectional: bool = False,
    bias: bool = True,
    proj_size: int = 0,
    dtype: str = "float32",
) -> list[dict[str, Floats]]:
    """Return the initial parameters of `torch.nn.LSTM(...)`: all uniform in [-H^-1/2, H^-1/2).

    One dict for each layer and direction, row = layer * D + direction (0 forward, 1 reverse; D
    directions), keys in PyTorch's order, gates stacked i, f, g, o. With H = hidden_size, P = proj_size
    or H, I = input_size in layer 0, else D * P: weight_ih (4H, I), weight_hh (4H, P); with `bias`
    bias_ih (4H,) and bias_hh (4H,); with a projection weight_hr (P, H).

    Raises:
        ValueError: another dtype, a size or number of layers below 1, or proj_size not in 0 <= P < H.

    Source: torch/nn/modules/rnn.py, RNNBase.
    """
    check_dtype(dtype)
    if min(input_size, hidden_size, num_layers) < 1 or not 0 <= proj_size < hidden_size:
        raise ValueError(
            "nn.LSTM needs input_size, hidden_size, num_layers greater than 0 and 0 <= proj_size < hidden_size, "
            f"not {input_size}, {hidden_size}, {num_layers}, {proj_size}"
        )
    directions, outputs, gates = 1 + bool(bidirectional), proj_size or hidden_size, 4 * hidden_size
    bound = 1.0 / math.sqrt(hidden_size)
    rows: list[dict[str, Floats]] = []
    for row in range(num_layers * directions):
        inputs = input_size if row < directions else directions * outputs
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, inputs), "weight_hh": (gates, outputs)}
        if bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        if proj_size:
            shapes["weight_hr"] = (proj_size, hidden_size)
        rows.append({name: generator.uniform(-bound, bound, shape, dtype) for name, shape in shapes.items()})
    return rows


def linear_parameters(
    generator: TorchGenerator, in_features: int, out_features: int, bias: bool = True, dtype: str = "float32"
) -> dict[str, Floats]:
    """Return the initial parameters of `torch.nn.Linear(...)`: all uniform in about [-I^-1/2, I^-1/2).

    Keys: weight (out_features, in_features) and, with `bias`, bias (out_features,).

    Raises:
        ValueError: another dtype, or a number of features below 1.

    Source: torch/nn/modules/linear.py, torch/nn/init.py (kaiming_uniform_ with a = sqrt 5).
    """
    check_dtype(dtype)
    if min(in_features, out_features) < 1:
        raise ValueError(f"nn.Linear needs at least one feature each way, not {in_features}, {out_features}")
    # Kaiming's bound equals 1 / sqrt(I) only in exact arithmetic, so each of its roundings in double is reproduced.
    slope = math.sqrt(5.0)
    gain = math.sqrt(2.0 / (1.0 + slope * slope))
    bound = math.sqrt(3.0) * (gain / math.sqrt(in_features))
    parameters = {"weight": generator.uniform(-bound, bound, (out_features, in_features), dtype)}
    if bias:
        bound = 1.0 / math.sqrt(in_features)
        parameters["bias"] = generator.uniform(-bound, bound, (out_features,), dtype)
    return parameters
