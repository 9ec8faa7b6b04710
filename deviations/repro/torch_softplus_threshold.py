"""torch's softplus is z itself above its threshold of 20, as documented; in float64 e^-20 = 2e-9 is a large error."""

import math

import torch

z = 20.5
got = float(torch.nn.functional.softplus(torch.tensor([z], dtype=torch.float64))[0])
right = z + math.log1p(math.exp(-z))
print(f"softplus({z}): got {got!r}, right {right!r}")
raise SystemExit(0 if abs(got - right) > 1e-10 else "does not deviate")
