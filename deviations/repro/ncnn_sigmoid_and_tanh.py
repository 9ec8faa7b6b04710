"""ncnn's sigmoid and tanh of four units at a time are off by up to 1e-7 whatever their size, and lose NaN.

The tanh of 0 is off, too. Only the units left over, here the fifth, get the C library's functions.

One step with i = f = o = 1 to float32 and c0 = 0, so that c = tanh(z); then one in which everything is 0, one with a
closed output gate, and one with NaN as the input of each gate.
"""

import math

import numpy as np
from ncnn_net import step


def first_and_left_over(values):
    return float(values[0]), float(values[4])


small = []
for z in (1e-7, 3e-7, 1e-6, 3e-6):
    fourth, left_over = (c / z - 1 for c in first_and_left_over(step([40, 40, 40, z], 5)[1]))
    print(f"tanh({z:g}): relative error {fourth:.1e}, of the unit left over {left_over:.1e}")
    small.append((abs(fourth), abs(left_over)))
zero = first_and_left_over(step([0, 0, 0, 0], 5)[0])
print(f"h of zeros: {zero[0]!r}, of the unit left over {zero[1]!r}")
closed = first_and_left_over(step([0, 0, -1000, 0], 5)[0])
print(f"h behind a closed output gate: {closed[0]!r}, of the unit left over {closed[1]!r}")
nan = [first_and_left_over(step(np.where(np.arange(4) == gate, math.nan, 1.0), 5, 1.0)[0]) for gate in range(4)]
for gate, (fourth, left_over) in zip("ifog", nan, strict=True):
    print(f"h for NaN in gate {gate}: {fourth!r}, of the unit left over {left_over!r}")
shown = max(fourth for fourth, _ in small) > 1e-3 and max(left_over for _, left_over in small) < 1e-6
shown = shown and zero[0] != 0 and zero[1] == 0 and np.signbit(closed[0]) and not np.signbit(closed[1])
shown = shown and all(math.isfinite(fourth) and math.isnan(left_over) for fourth, left_over in nan)
raise SystemExit(0 if shown else "does not deviate")
