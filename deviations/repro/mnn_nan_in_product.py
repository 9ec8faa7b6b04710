"""MNN's product with constant weights turns NaN into -3.4e38, but in whole blocks of rows, 24 with AVX2, it keeps NaN.

One step with H = 1 and c0 = 2. The input of one gate after the other is NaN, and the others' are 1: what is computed is
what -3.4e38 gives. With 100 rows, those in a block give what 3.4e38 gives, for sigmoid and tanh of NaN are 1.
"""

import math

import numpy as np
from mnn_run import answer
from onnx_lstm import lstm, step


def cells(place, number, rows):
    """c of each row if the input of this gate is the number."""
    z = [1.0, 1.0, 1.0, 1.0]
    z[place] = number
    tensors = step(z, c0=2.0)
    repeated = {name: np.repeat(tensors[name], rows, axis=1) for name in ("x", "h0", "c0")}
    return answer(*lstm(tensors | repeated))[2].ravel()


shown = []
for place, gate in ((0, "i"), (2, "f"), (3, "c")):
    (got,), (least,), (largest,) = (cells(place, number, 1) for number in (math.nan, -3.4e38, 3.4e38))
    rows = cells(place, math.nan, 100)
    print(f"c for NaN in {gate}: {got}, right nan; for -3.4e38: {least}; for 3.4e38: {largest}")
    print(f"c for NaN in {gate}, of 100 rows: {sorted(map(float, set(rows)))}")
    shown.append(got == least and set(rows) == {least, largest})
raise SystemExit(0 if all(shown) else "does not deviate")
