"""Weights that were moved are those that were there, bit by bit; what rounds is counted; what has no place, refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from command_line import conformance
from held_layers import drawn, held, same

from conformance.case.errors import ConformanceError
from conformance.case.tensors import Weights
from conformance.convert import moving
from conformance.convert.moving import Move, Request, carried_out
from conformance.convert.tensors import packed
from conformance.convert.writing import content_of
from conformance.weights.finding import find
from conformance.weights.named import NAMED, layout_of
from conformance.weights.reading import read

FLAT = [name for name in NAMED if name != "keras2"]


def saved(path: Path, layout: str, weights: Weights, D: int = 1) -> Path:
    np.savez(path, **packed(layout_of(layout), weights, D))
    return path


def moved(source: Path, target: Path, to: str, **more: Any) -> Move:
    return carried_out(Request(source, target, write_as=to, **more))


def weights_of(path: Path, layout: str, **options: Any) -> Weights:
    (layer,) = find(read(path), layout=layout_of(layout), options=options).layers
    return layer.weights


def refusal(source: Path, target: Path, **more: Any) -> str:
    with pytest.raises(ConformanceError) as raised:
        carried_out(Request(source, target, **more))
    assert "\n" not in str(raised.value)
    assert not target.exists()
    return str(raised.value)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("name", FLAT)
def test_one_bias_comes_back_from_every_layout_bit_by_bit(name: str, suffix: str, tmp_path: Path) -> None:
    original = drawn(rows=4, D=2, one_bias=True) if name not in ("tf-block", "tf-block-v2") else drawn(one_bias=True)
    D = 2 if len(original.rows) == 4 else 1
    first = saved(tmp_path / "first.npz", "torch", original, D)
    moved(first, tmp_path / f"there{suffix}", name)
    moved(tmp_path / f"there{suffix}", tmp_path / "back.npz", "torch", read_as=name, forget_bias=_forget_bias(name))
    assert same(weights_of(tmp_path / "back.npz", "torch"), original)
    assert read(tmp_path / "back.npz").tensors.keys() == read(first).tensors.keys()


def _forget_bias(name: str) -> float | None:
    return None if NAMED[name].forget_bias is None else 0.0


@pytest.mark.parametrize("name", FLAT)
def test_two_biases_come_back_where_the_layout_has_both_and_as_their_sum_where_it_has_one(
    name: str, tmp_path: Path
) -> None:
    original = drawn()
    there = moved(saved(tmp_path / "a.npz", "torch", original), tmp_path / "b.npz", name)
    assert any("two biases of each gate become one" in line for line in there.told) == NAMED[name].one_bias
    moved(tmp_path / "b.npz", tmp_path / "c.npz", "torch", read_as=name, forget_bias=_forget_bias(name))
    (row,), (wanted,) = weights_of(tmp_path / "c.npz", "torch").rows, original.rows
    assert row.W.tobytes() == wanted.W.tobytes() and row.R.tobytes() == wanted.R.tobytes()
    if NAMED[name].one_bias:
        assert row.b_w.tobytes() == wanted.bias.tobytes() and not row.b_r.any()
    else:
        assert row.b_w.tobytes() == wanted.b_w.tobytes() and row.b_r.tobytes() == wanted.b_r.tobytes()


def biased(b_w: float, b_r: float, dtype: str = "float32") -> Weights:
    row = drawn(I=1, H=1, dtype=dtype).rows[0]
    full = [np.full((4, 1), value, dtype) for value in (b_w, b_r)]
    return Weights((type(row)(row.W, row.R, *full),))


@pytest.mark.parametrize(
    ("b_w", "b_r", "dtype", "words"),
    [
        (0.5, 0.25, "float32", "their sum; every sum is exact"),
        (1.0, 2.0**-30, "float32", "their sum; 4 of 4 sums are rounded, by at most 9.3e-10"),
        (1.0, 2.0**-70, "float64", "their sum; 4 of 4 sums are rounded, by at most 8.5e-22"),
        (1.0, 2.0**-12, "float16", "their sum; 4 of 4 sums are rounded, by at most 0.00024"),
    ],
)
def test_sums_that_are_rounded_are_counted(b_w: float, b_r: float, dtype: str, words: str, tmp_path: Path) -> None:
    move = moved(saved(tmp_path / "a.npz", "torch", biased(b_w, b_r, dtype)), tmp_path / "b.npz", "keras")
    assert f"the two biases of each gate become one, {words}" in move.told


def test_a_negative_zero_stays_one(tmp_path: Path) -> None:
    original = biased(-0.0, 0.0)
    moved(saved(tmp_path / "a.npz", "torch", original), tmp_path / "b.npz", "keras")
    moved(tmp_path / "b.npz", tmp_path / "c.npz", "torch")
    assert same(weights_of(tmp_path / "c.npz", "torch"), original)


def test_a_forget_bias_is_folded_in_and_out(tmp_path: Path) -> None:
    original = biased(0.5, 0.25)
    out = moved(saved(tmp_path / "a.npz", "torch", original), tmp_path / "b.npz", "tf-cell", forget_bias=1.0)
    assert weights_of(tmp_path / "b.npz", "tf-cell").rows[0].b_w[:, 0].tolist() == [0.75, -0.25, 0.75, 0.75]
    assert "1 is taken from the bias of the forget gate, which the target's adds at run time; every sum is exact" in (
        out.told
    )
    assert "give tf-cell forget_bias=1" in out.told
    back = moved(tmp_path / "b.npz", tmp_path / "c.npz", "torch", read_as="tf-cell", forget_bias=1.0)
    assert weights_of(tmp_path / "c.npz", "torch").rows[0].b_w[:, 0].tolist() == [0.75] * 4
    assert any(line.startswith("1 is added to the bias of the forget gate") for line in back.told)


def test_a_sum_of_three_is_rounded_once(tmp_path: Path) -> None:
    first = saved(tmp_path / "a.npz", "torch", biased(1.0, 2.0**-30))
    moved(first, tmp_path / "b.npz", "tf-cell", forget_bias=1.0)
    assert weights_of(tmp_path / "b.npz", "tf-cell").rows[0].b_w[:, 0].tolist() == [1.0, 2.0**-30, 1.0, 1.0]


def test_a_forget_bias_stays_where_both_add_it(tmp_path: Path) -> None:
    first = saved(tmp_path / "a.npz", "tf-cell", drawn(one_bias=True))
    move = moved(first, tmp_path / "b.npz", "tf-block", read_as="tf-cell", forget_bias=0.5)
    assert "give tf-block forget_bias=0.5, not its default of 1" in move.told
    assert (
        weights_of(tmp_path / "b.npz", "tf-block").rows[0].b_w.tobytes() == drawn(one_bias=True).rows[0].b_w.tobytes()
    )


def test_a_forget_bias_is_folded_into_one_of_two_biases(tmp_path: Path) -> None:
    first = saved(tmp_path / "a.npz", "tf-cell", biased(0.5, 0.0))
    move = moved(first, tmp_path / "b.npz", "gates", read_as="tf-cell", forget_bias=1.0)
    assert not any("cannot say" in line for line in move.told)
    row = weights_of(tmp_path / "b.npz", "gates").rows[0]
    assert row.b_w[:, 0].tolist() == [0.5, 1.5, 0.5, 0.5] and not row.b_r.any()


def test_a_layer_without_a_bias_gets_zeros_only_where_it_must(tmp_path: Path) -> None:
    first = saved(tmp_path / "a.npz", "torch", drawn(bias=False))
    moved(first, tmp_path / "b.npz", "keras")
    assert read(tmp_path / "b.npz").tensors.keys() == {"kernel", "recurrent_kernel"}
    move = moved(first, tmp_path / "c.npz", "flax")
    assert "the layer has no bias; in flax it has one of zeros" in move.told
    assert not weights_of(tmp_path / "c.npz", "flax").rows[0].b_w.any()


def test_another_dtype_is_for_those_who_ask_and_what_rounds_is_counted(tmp_path: Path) -> None:
    first = saved(tmp_path / "a.npz", "torch", biased(0.5, 0.25, "float64"))
    assert weights_of(first, "torch").rows[0].W.dtype == np.float64
    moved(first, tmp_path / "b.npz", "keras")
    assert weights_of(tmp_path / "b.npz", "keras").rows[0].W.dtype == np.float64
    move = moved(first, tmp_path / "c.npz", "torch", dtype="float16")
    assert "the weights become float16; 8 of 16 numbers are rounded" in move.told
    exact = moved(tmp_path / "c.npz", tmp_path / "d.npz", "torch", dtype="float32")
    assert "the weights become float32; every number is exact in it" in exact.told
    line = refusal(first, tmp_path / "e.npz", write_as="tflite")
    assert line == "tflite has no float64, which these weights are; --dtype float32 converts them"


def test_options_go_with_safetensors_and_others_say_that_they_cannot(tmp_path: Path) -> None:
    options = {"direction": "reverse", "activations": [{"gate": {"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5}}]}
    first = saved(tmp_path / "a.npz", "keras", drawn(one_bias=True))
    move = moved(first, tmp_path / "b.safetensors", "keras", options=options)
    assert "hard_sigmoid has the slope 0.2 here, and 0.166667 in keras under this name" in " ".join(move.told)
    back = moved(tmp_path / "b.safetensors", tmp_path / "c.npz", "keras2")
    assert back.layer.keys["direction"] == "reverse"
    assert not any("under this name" in line for line in back.told)
    assert any(line.startswith("the file cannot say these options") for line in back.told)


REFUSED = [
    ("gates", {"peephole": True}, {}, "torch", "torch cannot hold the layer: it has no peepholes (new-cell)"),
    ("gates", {"peephole": True}, {}, "flax", "flax cannot hold the layer: it has no peepholes (new-cell)"),
    ("torch", {"P": 2}, {}, "keras", "keras cannot hold the layer: it has no projection"),
    ("torch", {"P": 2}, {}, "onnx", "onnx cannot hold the layer: it has no projection"),
    (
        "torch",
        {"rows": 2, "D": 2},
        {},
        "tf-block",
        "tf-block cannot hold the layer: it runs forward, not bidirectional",
    ),
    ("keras", {}, {"direction": "reverse"}, "torch", "it runs bidirectional and forward, not reverse"),
    ("keras", {}, {"activations": [{"gate": "relu"}]}, "torch", "does not take relu as its gate activation"),
    (
        "keras",
        {},
        {"activations": [{"cell": "relu"}]},
        "keras",
        "has one activation for both the cell candidate and the",
    ),
    ("keras", {}, {"activations": [{"cell": "softplus", "hidden": "softplus"}]}, "tflite", "does not take softplus"),
    ("onnx", {}, {"coupling": "forget=1-input"}, "keras2-cudnn", "it has no coupling forget=1-input"),
    ("gates", {"peephole": True}, {"output_peephole": "previous-cell"}, "onnx", "(previous-cell); it has new-cell"),
    ("gates", {}, {"cell_clip": 3.0}, "onnx", "it has no clip of the cell state"),
    ("gates", {}, {"gate_clip": {"bound": 3.0, "reading": "all"}}, "keras", "it has no gate_clip all"),
]


@pytest.mark.parametrize(
    ("layout", "kind", "options", "to", "words"), REFUSED, ids=[f"{r[3]}: {r[4]}" for r in REFUSED]
)
def test_what_the_target_cannot_hold_is_refused_by_name(
    layout: str, kind: dict[str, Any], options: dict[str, Any], to: str, words: str, tmp_path: Path
) -> None:
    first = saved(tmp_path / "a.npz", layout, drawn(**kind), kind.get("D", 1))
    assert words in refusal(first, tmp_path / "b.npz", write_as=to, options=options)


def two_layers(tmp_path: Path) -> Path:
    tensors = {}
    for name, weights in (("enc", drawn()), ("dec", drawn(I=4)), ("odd", drawn(I=9))):
        tensors |= {f"{name}.{n}": a for n, a in packed(NAMED["torch"], weights, 1).items()}
    np.savez(tmp_path / "a.npz", **tensors)
    return tmp_path / "a.npz"


def test_layers_are_chosen_and_stacked_by_name(tmp_path: Path) -> None:
    source = two_layers(tmp_path)
    line = refusal(source, tmp_path / "b.npz", write_as="keras")
    assert "has 3 LSTM layers: enc, dec, odd; choose one with --layer NAME" in line
    assert moved(source, tmp_path / "b.npz", "keras", layers=("dec",)).layer.keys["I"] == 4
    stacked = moved(source, tmp_path / "c.npz", "torch", layers=("enc", "dec"))
    assert stacked.layer.keys["layers"] == 2 and len(weights_of(tmp_path / "c.npz", "torch").rows) == 2
    assert "the layers do not form a stack" in refusal(source, tmp_path / "d.npz", write_as="torch", stack=True)
    assert "no LSTM layer 'x'; it has enc, dec, odd" in refusal(
        source, tmp_path / "d.npz", write_as="torch", layers=("x",)
    )


def test_layers_of_different_options_are_no_stack(tmp_path: Path) -> None:
    config = [{"class_name": "LSTM", "config": {"name": name, "activation": how}}
              for name, how in (("one", "tanh"), ("two", "relu"), ("three", "tanh"))]  # fmt: skip
    tensors = {f"{name}/{n}": a for name in ("one", "two", "three")
               for n, a in packed(NAMED["keras"], drawn(I=4, one_bias=True), 1).items()}  # fmt: skip
    found = find(held(tensors, config={"config": {"layers": config}, "class_name": "Model"}, keras="3.0.0")).layers
    with pytest.raises(ConformanceError, match="two has another activations than one; a stack has one"):
        moving._stacked(found, tmp_path)
    assert moving._stacked([found[0], found[2]], tmp_path).keys["layers"] == 2


WRONG = [
    ({}, "b.txt", "the target's name ends in .safetensors, .npz, "),
    ({}, "b.npz", "b.npz may hold any layout: give --to LAYOUT"),
    ({"write_as": "tensorflow"}, "b.npz", "there is no layout 'tensorflow'; there are torch, keras, "),
    ({"write_as": "keras"}, "b.onnx", "a .onnx file holds the layout onnx, not keras"),
    ({"write_as": "keras", "forget_bias": 1.0}, "b.npz", "neither torch nor keras adds a forget bias at run time"),
    ({"write_as": "keras", "options": {"H": 3}}, "b.npz", "--set H: a layer has no such option"),
    ({"write_as": "keras", "read_as": "flax"}, "b.npz", "no LSTM layer is found"),
    ({"write_as": "keras", "options": {"cell_clip": -1.0}}, "b.npz", "cell_clip: Input should be greater than 0"),
]


@pytest.mark.parametrize(("asked", "target", "words"), WRONG, ids=[words for *_, words in WRONG])
def test_what_cannot_be_is_refused_in_one_line(asked: dict[str, Any], target: str, words: str, tmp_path: Path) -> None:
    first = saved(tmp_path / "a.npz", "torch", drawn())
    assert words in refusal(first, tmp_path / target, **asked)


def test_tensorflows_forget_bias_is_asked_for(tmp_path: Path) -> None:
    first = saved(tmp_path / "a.npz", "tf-cell", drawn(one_bias=True))
    assert refusal(first, tmp_path / "b.npz", write_as="torch", read_as="tf-cell").endswith("; give --forget-bias")


def test_the_target_stays_as_it_was_where_the_move_is_refused(tmp_path: Path) -> None:
    first = saved(tmp_path / "a.npz", "gates", drawn(peephole=True))
    (tmp_path / "b.npz").write_bytes(b"mine")
    assert conformance("convert", first, tmp_path / "b.npz", "--to", "torch").exit_code == 2
    assert (tmp_path / "b.npz").read_bytes() == b"mine"
    assert "is read by this command" in conformance("convert", first, first, "--to", "gates").output


def test_a_file_that_does_not_hold_every_bit_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lossy(path: Path, named: Any, made: Any) -> Any:
        weights = made.weights.mapped(lambda array: np.nextafter(array, np.float32(9)))
        return content_of(path, named, replace(made, weights=weights))

    monkeypatch.setattr(moving, "content_of", lossy)
    first = saved(tmp_path / "a.npz", "torch", drawn())
    assert refusal(first, tmp_path / "b.npz", write_as="gates").endswith("as it was written; nothing is written")


def test_a_safetensors_target_can_be_read_by_the_library_alone(tmp_path: Path) -> None:
    moved(saved(tmp_path / "a.npz", "torch", drawn(one_bias=True)), tmp_path / "b.safetensors", "keras")
    assert safetensors.numpy.load_file(tmp_path / "b.safetensors")["kernel"].shape == (3, 16)
