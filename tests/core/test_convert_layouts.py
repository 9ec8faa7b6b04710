"""Layouts of one's own are converted both ways; what is no layout is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import conformance
from held_layers import drawn, same

from conformance.case.errors import ConformanceError
from conformance.case.tensors import Weights
from conformance.convert.tensors import packed
from conformance.weights.finding import find
from conformance.weights.named import layout_of
from conformance.weights.reading import read


def saved(path: Path, layout: str, weights: Weights, D: int = 1) -> Path:
    np.savez(path, **packed(layout_of(layout), weights, D))
    return path


def weights_of(path: Path, layout: str, **options: Any) -> Weights:
    (layer,) = find(read(path), layout=layout_of(layout), options=options).layers
    return layer.weights


@pytest.mark.slow
def test_a_layout_of_ones_own_is_converted_both_ways_and_proven(tmp_path: Path) -> None:
    yaml = tmp_path / "mine.yaml"
    yaml.write_text("gates: ofig\nseparate: true\ntransposed: true\ntensors: {'m_{gate}': [R, b, W]}\n")
    first = saved(tmp_path / "a.npz", "torch", drawn(one_bias=True))
    done = conformance("convert", first, tmp_path / "b.npz", "--to", yaml)
    assert done.exit_code == 0, done.output
    assert "the move is right as far as it could be proven" in done.output
    assert {name: a.shape for name, a in read(tmp_path / "b.npz").tensors.items()} == {
        f"m_{gate}": (8, 4) for gate in "ofig"
    }
    done = conformance("convert", tmp_path / "b.npz", tmp_path / "c.safetensors", "--from", yaml, "--to", "gates")
    assert done.exit_code == 0, done.output
    assert same(weights_of(tmp_path / "c.safetensors", "gates"), drawn(one_bias=True))


BAD_LAYOUTS = [
    ("[1]", "a layout is a mapping with the keys gates, tensors, "),
    ("gates: ifgo", "a layout needs tensors"),
    ("{gates: ifgo, tensors: {k: [W], r: [R]}, order: x}", "a layout has no key 'order'"),
    ("{gates: 3, tensors: {}}", "gates must be of type str, not int"),
    ("{gates: ifgx, tensors: {k: [W], r: [R]}}", "needs an order of i, f, g and o"),
    ("{gates: ifgo, tensors: {k: [W], r: [Q]}}", "has no part 'Q'"),
    ("{gates: ifgo, tensors: {k: [W]}}", "no tensor has the part R"),
    ("{gates: ifgo, tensors: {k: [W, R], r: [R]}}", "two tensors have the part R"),
    ("{gates: ifgo, tensors: {k: [W, R], b: [b, b_w, b_r]}}", "b is the sum of b_w and b_r"),
    ("{gates: ifgo, tensors: {k: [W, R], b: [b_w]}}", "b_w and b_r go together"),
    ("{gates: ifgo, tensors: {k: [W, R], b: 3}}", "give a part, or a list of parts"),
    ("{gates: ifgo, tensors: {k: [W, R], g: [gamma]}}", "gamma is of a layer norm"),
    ("{gates: ifgo, tensors: {k: [W, R]}, separate: true}", "k needs {gate} in its name"),
    ("{gates: ifgo, tensors: {'k{gate}': [W, R]}}", "has {gate} in its name but not separate"),
    ("{gates: ifgo, tensors: {'k{x}': [W, R]}}", "only {gate} may stand in braces"),
    ("{gates: ifgo, tensors: {'k{gate:>9}': [W, R]}, separate: true}", "only {gate} may stand in braces"),
    ("{gates: ifgo, tensors: {k: [W, R]}, folded: true, transposed: true}", "matrices are transposed or folded"),
    ("{gates: ifgo", "not valid YAML"),
]


@pytest.mark.parametrize(("text", "words"), BAD_LAYOUTS, ids=[words for _, words in BAD_LAYOUTS])
def test_what_is_no_layout_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "l.yaml").write_text(text)
    with pytest.raises(ConformanceError) as raised:
        layout_of(str(tmp_path / "l.yaml"))
    assert words in str(raised.value) and "\n" not in str(raised.value)
