"""What a harness says of itself with --describe: what is wrong with it, and what is there instead, is said."""

from pathlib import Path
from typing import Any

import pytest
from changed_harness import script

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocol": 2}, "speaks protocol 2; this version of lstm-conformance speaks 1"),
        ({"name": "a b"}, "name: String should match pattern"),
        ({"capabilities": {"peepholes": True}}, "capabilities.peepholes: "),
        ({"capabilities": {"activations": {"gate": {"sigmoid": "any"}}}}, "capabilities.activations.gate.sigmoid"),
        ({"weights": {"gates": "abcd", "tensors": {}}}, "gates 'abcd': needs an order of i, f, g and o"),
        ({"contracts": {"padded_y": "nan"}}, "contracts.padded_y: Input should be 'zeros', 'last' or 'undefined'"),
        ({"devices": []}, "devices: "),
        ({"speed": "fast"}, "speed: no such field; allowed: protocol, name, weights, "),
        ({"weigths": "onnx"}, "weigths: no such field; allowed: protocol, name, weights, capabilities, contracts, "),
        ({"weigths": "onnx"}, "did you mean 'weights'?"),
        ({"weights": "canonic"}, "(docs/harness.md#describe):\nweights: Input should be 'canonical' or 'onnx'"),
        ({"weights": {"gats": "ifgo", "tensors": {}}}, "weights.gats: no such field; allowed: gates, tensors"),
        ({"capabilities": {"gate_clips": ["all"]}}, "did you mean 'gate_clip'?"),
        ({"capabilities": {"dtypes": ["float32", "F64"]}}, "capabilities.dtypes has 'F64'; allowed: float16, bfloat16"),
        ({"capabilities": {"dtypes": ["float32", "F64"]}}, "did you mean 'float64'?"),
        ({"capabilities": {"dtypes": []}}, "capabilities.dtypes is empty: there is nothing to run"),
        ({"capabilities": {"directions": ["forward", "backward"]}}, "directions has 'backward'; allowed: forward, rev"),
        (
            {"capabilities": {"peephole": ["new_cell"]}},
            "peephole has 'new_cell'; allowed: new-cell, previous-cell; did",
        ),
        ({"capabilities": {"lengths_via": ["arg"]}}, "capabilities.lengths_via has 'arg'; allowed: argument, packed"),
        ({"capabilities": {"max_layers": 0}}, "max_layers is 0; it must be a whole number of at least 1"),
        ({"capabilities": {"activations": {"gate": {"sigmoyd": None}}}}, "did you mean 'sigmoid'?"),
        (
            {"capabilities": {"activations": {"gate": {"sigmoid": []}}}},
            "gate: sigmoid is given no parameters; None (nu",
        ),
        ({"capabilities": {"activations": {"cell": {}}}}, "activations.cell is empty; it must name the activations"),
        ({"capabilities": {"activations": {"cell": {"elu": [[None, 1.0]]}}}}, "elu with (None, 1.0); it takes alpha"),
    ],
)
def test_what_is_wrong_with_a_description_is_said(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(AdapterUnavailable) as raised:
        registry.load(f"command:{script(tmp_path, **changes)}")
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#!/bin/sh\necho broken >&2; exit 7\n", "ended with exit code 7\n  broken"),
        ("#!/bin/sh\necho hello\n", "is not JSON"),
        ("#!/bin/sh\nhead -c 2000000 /dev/zero\n", "printed more than 1,048,576 bytes"),
        ("#!/bin/sh\n", "printed nothing; it must print what docs/harness.md#describe has"),
        ("#!/no/such/program\n", "engine: what its first line names to run it is not there: #!/no/such/program"),
        (None, "there is no such command"),
    ],
)
def test_a_command_that_does_not_describe_itself(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "engine"
    if text is not None:
        path.write_text(text)
        path.chmod(0o755)
    with pytest.raises(AdapterUnavailable) as raised:
        registry.load(f"command:{path}")
    assert said in str(raised.value)


def test_a_file_that_is_not_executable_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "engine.py").write_text("")
    with pytest.raises(AdapterUnavailable, match="is not executable; chmod"):
        registry.load(f"command:{tmp_path / 'engine.py'}")
