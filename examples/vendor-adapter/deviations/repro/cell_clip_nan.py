"""A clipped cell state that is NaN becomes the bound. One unit, one step, no weights."""

import numpy as np
from brook_conformance.engine import Brook, Layer

for clip in (0.0, 0.75):
    layer = Layer(inputs=1, units=1, cell_clip=clip)
    h, c = np.zeros((1, 1), np.float32), np.full((1, 1), np.nan, np.float32)
    Brook().run(layer, np.zeros((1, 12), np.float32), np.zeros((1, 1, 1), np.float32), None, h, c)
    print(f"cell_clip {clip:4}: c {c[0, 0]}, right: nan")
