"""LiteRT takes subnormal numbers for zeros where XNNPACK computes: in an input, as a weight, and as a sum on the way.

A product is added to the sum unrounded, and a subnormal sum is flushed. Of 100 products of 1e-39 nothing is left if
they come first, and they count in full behind one of 5e-38.
"""

import torch
from torch_litert_call import converted

tanh, *_ = converted(torch.tanh, [1e-40, 1.0])
layer = torch.nn.Linear(1, 1, bias=False)
layer.weight.data[:] = torch.tensor([[1e-40]])
(product,) = converted(layer, [1e10])
print(f"tanh(1e-40): got {tanh:g}; 1e-40 as a weight, times 1e10: got {product:g}, right 1e-30")
small = [0.01] * 100
sums = torch.nn.Linear(101, 2, bias=False)
sums.weight.data[:] = torch.tensor([[*small, 0.5], [0.5, *small]])
first, last = converted(sums, [1e-37] * 101)
print(f"100 products of 1e-39 and one of 5e-38: got {first:g} if they come first, {last:g} if last, right 1.5e-37")
shown = tanh == 0 and product == 0 and abs(first / 5e-38 - 1) < 1e-5 and abs(last / 1.5e-37 - 1) < 1e-5
raise SystemExit(0 if shown else "does not deviate")
