"""YAML: what stands in a file comes with its lines, means the same to every reader of YAML, and has bounds."""

import json
import math
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conformance.case import yaml_lines
from conformance.case.errors import SpecError
from conformance.case.load import load_spec
from conformance.case.yaml_lines import LocatedDict, LocatedList, parse, parse_file
from conformance.golden.inputs import make_arrays


def problem(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse(text, "s.yaml")
    (line,) = caught.value.problems
    return line


# What is read.


def test_keys_and_items_know_their_lines() -> None:
    text = "a: 1\nb:\n  - x\n\n  - {c: [1,\n      2]}\n"
    read = parse(text, "s.yaml")
    assert read == {"a": 1, "b": ["x", {"c": [1, 2]}]}
    assert read.lines == {"a": 1, "b": 2} and list(read["b"].lines) == [3, 5]
    assert read["b"][1].lines == {"c": 5} and list(read["b"][1]["c"].lines) == [5, 6]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("TRUE", True),
        ("false", False),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("0x1F", 31),
        ("18446744073709551615", 2**64 - 1),
        ("1.5", 1.5),
        ("2.", 2.0),
        (".5", 0.5),
        ("007.5", 7.5),
        ("1.0e+3", 1000.0),
        ("-.inf", -math.inf),
        ("1/3", "1/3"),
        ("forget=1-input", "forget=1-input"),
        ("y", "y"),
        ("'010'", "010"),
        ('"yes"', "yes"),
        ("!!str 010", "010"),
        ("! 1:30", "1:30"),
        ("!!int 3", 3),
        ("!!float 3", 3.0),
        ("!!int '3'", 3),
        ("!!null ''", None),
        ("!!bool true", True),
    ],
)
def test_a_scalar_of_one_meaning(text: str, value: Any) -> None:
    read = parse(f"key: {text}", "s.yaml")["key"]
    assert type(read) is type(value) and read == value


@pytest.mark.parametrize(("text", "value"), [("1e3", 1000.0), ("1e-06", 1e-6), ("-2.5E5", -2.5e5), ("1.5e3", 1500.0)])
def test_a_number_as_json_writes_it_is_a_number(text: str, value: float) -> None:
    assert parse(f"key: {text}", "s.yaml")["key"] == value == json.loads(text)


def test_nan_has_the_same_bytes_on_every_processor() -> None:
    (value,) = parse("- .nan", "s.yaml")
    assert struct.pack(">d", value).hex() == "fff8000000000000"


@given(st.floats(allow_nan=False) | st.integers(-(2**63), 2**64 - 1))
def test_what_json_and_yaml_write_comes_back(value: float) -> None:
    texts = [yaml.safe_dump([value])]
    texts += [json.dumps([value])] if math.isfinite(value) else []
    for text in texts:
        (read,) = parse(text, "s.yaml")
        assert type(read) is type(value) and read == value


# What means one thing to one reader and another thing to the next.


TRAPS = {
    "010": "the number 8 in YAML 1.1 and the number 10 in YAML 1.2: write 8 or 10",
    "-017": "the number -15 in YAML 1.1 and the number -17 in YAML 1.2: write -15 or -17",
    "08": "text in YAML 1.1 and the number 8 in YAML 1.2: write 8 or '08' in quotes",
    "0o10": "text in YAML 1.1 and the number 8 in YAML 1.2: write 8 or '0o10' in quotes",
    "0b11": "the number 3 in YAML 1.1 and text in YAML 1.2: write 3 or '0b11' in quotes",
    "-0x1F": "the number -31 in YAML 1.1 and text in YAML 1.2: write -31 or '-0x1F' in quotes",
    "1_000": "the number 1000 in YAML 1.1 and text in YAML 1.2: write 1000 or '1_000' in quotes",
    "1_0.5": "the number 10.5 in YAML 1.1 and text in YAML 1.2: write 10.5 or '1_0.5' in quotes",
    "1:30": "the number 90 in YAML 1.1 and text in YAML 1.2: write 90 or '1:30' in quotes",
    "1:30.5": "the number 90.5 in YAML 1.1 and text in YAML 1.2: write 90.5 or '1:30.5' in quotes",
    "-.5": "text in YAML 1.1 and the number -0.5 in YAML 1.2: write -0.5 or '-.5' in quotes",
    "yes": "true in YAML 1.1 and text in YAML 1.2: write true or 'yes' in quotes",
    "Off": "false in YAML 1.1 and text in YAML 1.2: write false or 'Off' in quotes",
    "2026-07-01": "a date in YAML 1.1 and text in YAML 1.2: write '2026-07-01' in quotes",
    "2001-13-45": "a date in YAML 1.1 and text in YAML 1.2: write '2001-13-45' in quotes",
    "=": "a default key in YAML 1.1 and text in YAML 1.2: write '=' in quotes",
}


@pytest.mark.parametrize("text", TRAPS)
def test_a_scalar_of_two_meanings_is_refused_with_both(text: str) -> None:
    assert problem(f"a: 1\nkey: {text}") == f"s.yaml:2: key: {text} is {TRAPS[text]}"
    assert problem(f"a: 1\nkey: [2, {text}]") == f"s.yaml:2: key: {text} is {TRAPS[text]}"


def test_a_key_of_two_meanings_is_refused() -> None:
    assert problem("a:\n  no: 1") == (
        "s.yaml:2: no is false in YAML 1.1 and text in YAML 1.2: write false or 'no' in quotes"
    )
    assert problem("a: &a {b: 1}\nc: {<<: *a}") == (
        "s.yaml:2: << is a merge key in YAML 1.1 and text in YAML 1.2: write out the keys where they are needed"
    )


@given(st.text("+-.:_0123456789abefnosxyNTZ", max_size=8))
def test_what_is_read_is_what_pyyaml_reads_but_for_json_s_numbers(text: str) -> None:
    try:
        read = parse(f"- {text}", "s.yaml")[0]
    except SpecError:
        return
    (old,) = yaml.safe_load(f"- {text}")
    if isinstance(old, (list, dict)):
        return
    if isinstance(read, float) and isinstance(old, str):
        old = json.loads(text.lstrip("+"))
    assert repr(read) == repr(old)


# What is refused besides.


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x: *nowhere", "not valid YAML: found undefined alias 'nowhere'"),
        ("x: &a {constant: *a}", "an alias refers to a value that contains it"),
        (
            "x: !!python/object/apply:os.system [ls]",
            "the tag tag:yaml.org,2002:python/object/apply:os.system is not allowed",
        ),
        ("x: !!python/object:os.stat {a: 1}", "the tag tag:yaml.org,2002:python/object:os.stat is not allowed"),
        ("x: !!python/name:os.system x", "the tag tag:yaml.org,2002:python/name:os.system is not allowed"),
        ("x: !mine {constant: 1}", "the tag !mine is not allowed"),
        ("x: !mine text", "the tag !mine is not allowed"),
        ("x: !!set {a, b}", "the tag tag:yaml.org,2002:set is not allowed"),
        ("x: !!binary aGVsbG8=", "the tag tag:yaml.org,2002:binary is not allowed"),
        ("x: !!map [a]", "the tag tag:yaml.org,2002:map is not allowed"),
        ("x: !!int {a: 1}", "the tag tag:yaml.org,2002:int is not allowed"),
        ("x: !!seq text", "the tag tag:yaml.org,2002:seq is not allowed"),
        ("5: 6", "key 5 is not text"),
        ("null: 6", "key None is not text"),
        ("? [a]\n: 1", "key ['a'] is not text"),
        ("a: 2", "key 'a' is given here and on line 1; keep one"),
        ("x: !!int five", "x: 'five' is not a valid int"),
        ("x: !!int 010", "x: 010 is the number 8 in YAML 1.1"),
        ("x: !!int 1.5", "x: '1.5' is not a valid int"),
        ("x: !!bool maybe", "x: 'maybe' is not a valid bool"),
        ("x: !!null 0", "x: '0' is not a valid null"),
        ("x: 18446744073709551616", "x: 18446744073709551616 does not fit into 64 bits"),
        ("x: -9223372036854775809", "x: -9223372036854775809 does not fit into 64 bits"),
        ("x: " + 5000 * "9", "x: " + 40 * "9" + "... (5,000 characters) does not fit into 64 bits"),
        ("x: 0x" + 5000 * "f", "x: 0x" + 38 * "f" + "... (5,002 characters) does not fit into 64 bits"),
        ("x: 0b" + 5000 * "1", "x: 0b" + 38 * "1" + "... (5,002 characters) is a number of more than 64 bits in YAML"),
        ("x: 1.0e+999", "x: 1.0e+999 is larger than any number of 64 bits; infinity is written .inf"),
        ("x: -1e999", "x: -1e999 is larger than any number of 64 bits; infinity is written .inf"),
        ("--- b", "not valid YAML: a second document starts here; a file holds one"),
    ],
    ids=lambda text: text[:60],
)
def test_a_problem_names_its_line(line: str, expected: str) -> None:
    assert problem(f"a: 1\n{line}").startswith(f"s.yaml:2: {expected}")


def test_a_refused_tag_is_not_carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    problem("x: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [touched]]")
    assert not Path("touched").exists()


# Aliases.


def test_aliases_are_followed() -> None:
    read = parse("a: &a {b: &b [1, 2]}\nc: *a\nd: [*b,\n *b]", "s.yaml")
    assert read["c"] == {"b": [1, 2]} and read["d"] == [[1, 2], [1, 2]]
    assert list(read["d"].lines) == [3, 4]


def bomb(levels: int) -> str:
    lines = ["x0: &x0 [0, 0]"]
    return "\n".join(lines + [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, levels)])


def test_an_alias_bomb_is_refused_by_the_size_that_it_would_have() -> None:
    start = time.monotonic()
    assert problem(bomb(12)) == (
        "s.yaml:8: too many values from the first line to here, with every alias written out; "
        "at most 4,000,000 are allowed, which take up to 1 GiB of memory"
    )
    assert time.monotonic() - start < 2


def test_what_an_alias_stands_for_takes_no_memory_of_its_own() -> None:
    read = parse(bomb(6), "s.yaml")  # 200,000 numbers where it is written out
    assert read["x5"][0] is read["x5"][9] and len(read["x5"][0][0][0][0][0]) == 2


def test_aliases_that_nest_deeply_are_refused() -> None:
    levels = ["x0: &x0 [0]"] + [f"x{n}: &x{n} [*x{n - 1}]" for n in range(1, 50)]
    assert problem("\n".join(levels)) == "s.yaml:40: nested more than 40 deep, by way of an alias"


# Bounds.


def nested(levels: int) -> str:
    return "x: " + (levels - 1) * "[" + (levels - 1) * "]"


def test_nesting_has_a_bound() -> None:
    assert parse(nested(40), "s.yaml")
    assert problem(nested(41)) == "s.yaml:1: nested more than 40 deep"


def test_the_number_of_values_has_a_bound_whether_or_not_there_are_aliases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_lines, "MOST_VALUES", 10)
    assert parse("[1, 2, 3, 4, 5,\n 6, 7, 8, 9]", "s.yaml")
    assert problem("[1, 2, 3, 4, 5,\n 6, 7, 8, 9, 10]") == (
        "s.yaml:2: too many values from the first line to here; "
        "at most 10 are allowed, which take up to 1 GiB of memory"
    )
    assert "to here, with every alias written out; at most 10 " in problem("[&a [1, 2, 3],\n *a, *a]")


def test_a_file_s_size_has_a_bound_that_is_looked_at_before_it_is_read(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(2**40)  # no block of it is written
    with pytest.raises(SpecError, match=r"^l\.yaml:1: cannot be read: it is larger than 64 MiB, the limit "):
        parse_file(large, "l.yaml")


def test_a_tensor_of_200_000_numbers_can_be_given(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((4, 250, 199))
    fields = {"name": "a", "T": 1, "B": 1, "I": 199, "H": 250, "dtype": "float64"}
    case = fields | {"weights": {"W": {"values": values.tolist()}}}
    spec = tmp_path / "s.yaml"
    spec.write_text(json.dumps({"family": "fam", "cases": [case]}))
    start = time.monotonic()
    (read,) = load_spec(spec)
    assert time.monotonic() - start < 20
    assert np.array_equal(make_arrays(read).weights.rows[0].W, values)


def test_the_types_say_what_has_lines() -> None:
    read = parse("a: [1]", "s.yaml")
    assert isinstance(read, LocatedDict) and isinstance(read["a"], LocatedList)
