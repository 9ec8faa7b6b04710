"""What is particular to LiteRT: the states that its interpreter keeps, and what the adapter does not pass to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from agreement import Fields, adapter_of, question

from conformance.adapters import litert_lstm
from conformance.adapters.litert_model import FUSED
from conformance.case.errors import UnsupportedOption

pytestmark = pytest.mark.litert


def test_every_fused_activation_is_one_of_the_schema() -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    assert all(hasattr(schema.ActivationFunctionType, name) for name in FUSED.values())


def test_a_stream_goes_on_from_what_the_interpreter_has_kept() -> None:
    asked = question({"T": 4, "layers": 2, "blocks": (2, 2)})
    inputs = asked.arrays.inputs
    model: Any = adapter_of("litert").prepare(asked.case, asked.arrays.weights)
    first = model(replace(inputs, x=inputs.x[:2]))
    # The interpreter's own states are lost here. A call that continues from them shows it; one that sets them does not.
    model._interpreter.reset_all_variables()
    rest = replace(inputs, x=inputs.x[2:])
    kept = model(replace(rest, h0=first["h_n"], c0=first["c_n"]))
    given = model(replace(rest, h0=first["h_n"].copy(), c0=first["c_n"].copy()))
    from_zeros = model(replace(rest, h0=None, c0=None))
    assert all(kept[name].tobytes() == from_zeros[name].tobytes() for name in kept)
    assert np.abs(given["y"] - asked.truth["y"][2:]).max() < 1e-6 < np.abs(given["y"] - kept["y"]).max()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"layout": "batch_major", "direction": "bidirectional"},
            "both directions in batch-major layout are not asked of it: see docs/adapters.md",
        ),
        ({"H": 2, "P": 19}, "a projection of 2 cells to 19 is not asked of it"),
        ({"H": 5, "P": 9, "B": 5}, "a projection of 5 cells to 9 is not asked of it"),
    ],
)
def test_what_it_is_not_asked_is_refused_before_there_is_a_model(
    fields: Fields, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter, asked = adapter_of("litert"), question(fields)
    monkeypatch.setattr(
        litert_lstm, "build", None
    )  # without the refusal this test fails, and LiteRT sees nothing of it
    with pytest.raises(UnsupportedOption, match=reason):
        adapter.prepare(asked.case, asked.arrays.weights)
