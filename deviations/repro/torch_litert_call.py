"""What a function of torch gives after its conversion by LiteRT Torch, in the interpreter that the converter makes."""

import io
import logging
import sys
import warnings
from contextlib import redirect_stdout

import litert_torch
import numpy as np
import torch


class _Module(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def converted(function, numbers):
    """The float32 results for these numbers, handed over as one row."""
    x = torch.tensor([numbers], dtype=torch.float32)
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        model = litert_torch.convert(_Module(function).eval(), (x,))
    print(f"litert_torch {litert_torch.__version__}", file=sys.stderr)
    return np.array(model(x)).reshape(-1)
