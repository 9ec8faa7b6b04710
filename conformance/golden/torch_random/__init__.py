"""The numbers that PyTorch's CPU generator gives for a seed, bit for bit, without PyTorch.

Tested against PyTorch 2.13.0 (Linux x86-64 wheel, CPU capability AVX2, whose kernels are used for AVX512 too).
PyTorch's `DEFAULT` capability rounds differently, and builds for other processors may; they are not covered.

The result depends neither on the processor nor on the NumPy version: besides integers, only IEEE-exact operations (+,
-, *, sqrt, conversions) and decimal arithmetic are used; logarithm, sine and cosine are this package's own.

    generator   the twister, its draws, `uniform_`, `rand` and `randn`
    parameters  the initial parameters of `nn.LSTM` and `nn.Linear`
    normal      from uniform to normal numbers
    fused       a product and a sum with one rounding
"""

from conformance.golden.torch_random.generator import TorchGenerator
from conformance.golden.torch_random.parameters import linear_parameters, lstm_parameters

__all__ = ["TorchGenerator", "linear_parameters", "lstm_parameters"]
