"""LiteRT takes subnormal numbers for zeros where XNNPACK computes: in an input, and as a weight."""

import torch
from torch_litert_call import converted

tanh, *_ = converted(torch.tanh, [1e-40, 1.0])
layer = torch.nn.Linear(1, 1, bias=False)
layer.weight.data[:] = torch.tensor([[1e-40]])
(product,) = converted(layer, [1e10])
print(f"tanh(1e-40): got {tanh:g}; 1e-40 as a weight, times 1e10: got {product:g}, right 1e-30")
raise SystemExit(0 if tanh == 0 and product == 0 else "does not deviate")
