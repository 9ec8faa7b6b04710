"""PyTorch's LSTM in bfloat16 takes subnormal numbers for zeros where oneDNN computes it, and only there.

1e-39 is subnormal in bfloat16; times 1e38 it is 0.1. oneDNN uses the processor's instructions for bfloat16, which take
subnormal inputs and results for zeros. Without oneDNN the same layer is right.
"""

import warnings

import torch

warnings.simplefilter("ignore")
if not torch.cpu.get_capabilities().get("avx512_bf16"):
    print("this processor has no instructions for bfloat16")
    raise SystemExit(0)
layer = torch.nn.LSTM(1, 1, bias=False, dtype=torch.bfloat16)
torch.nn.init.constant_(layer.weight_ih_l0, 1e38)
x = torch.full((1, 1, 1), 1e-39, dtype=torch.bfloat16)
found = {}
for enabled in (True, False):
    with torch.no_grad(), torch.backends.mkldnn.flags(enabled=enabled):
        found[enabled] = layer(x)[0].item()
print(f"h: got {found[True]:g} with oneDNN, {found[False]:.3g} without it")
raise SystemExit(0 if found[True] == 0 < found[False] else "does not deviate")
