#!/usr/bin/env bash
# torch 2.13.0 on a processor with instructions for bfloat16 (avx512_bf16).
# Expected: a product of bfloat16 matrices either keeps subnormal numbers, or takes them for zeros, whatever its size.
# Found: 1e-39 times 1e38, which is 0.1, is right in a product of 8 by 8 matrices and 0 in one of 64 by 64, because only
# the larger one is computed by oneDNN, with instructions that take subnormal numbers for zeros. A product of normal
# numbers that is subnormal is lost in the same way.
# Output seen: 8: 0.1006 0.799; 64: 0 0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch

if not torch.cpu.get_capabilities().get("avx512_bf16"):
    raise SystemExit("this processor has no instructions for bfloat16: nothing to see")


def product(size, small, large):
    return (torch.full((size, size), small).bfloat16() @ torch.full((size, size), large).bfloat16())[0, 0].item()


found = {}
for size in (8, 64):
    terms = product(size, 1e-30, 1e-9) * 1e38
    found[size] = product(size, 1e-39, 1e38) / size, terms
    print(f"{size}: {found[size][0]:.4g} {terms:.4g}")
assert abs(found[8][0] - 0.1) < 0.001 and found[64] == (0, 0), found
PYTHON
