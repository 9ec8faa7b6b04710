"""What is particular to TensorFlow: the reasons for what an adapter refuses beyond its capabilities."""

from __future__ import annotations

import numpy as np
import pytest
from agreement import adapter_of, marks_of

pytestmark = marks_of("tf-lstm-block-cell")


def test_the_block_cell_takes_no_empty_batch() -> None:
    tf = adapter_of("tf-lstm-block-cell").tf
    with pytest.raises(tf.errors.InvalidArgumentError, match="cs_prev_tensor is empty"):
        tf.raw_ops.LSTMBlockCell(
            x=np.zeros((0, 4), np.float32),
            cs_prev=np.zeros((0, 6), np.float32),
            h_prev=np.zeros((0, 6), np.float32),
            w=np.zeros((10, 24), np.float32),
            b=np.zeros(24, np.float32),
            **dict.fromkeys(("wci", "wcf", "wco"), np.zeros(6, np.float32)),
        )
