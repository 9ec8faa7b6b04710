"""What Keras' configuration says of the LSTM layers of a model. It is read as JSON; nothing of it is made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from conformance.case.options import DEFAULTS
from conformance.case.text import shortened

_LSTMS = frozenset({"LSTM", "CuDNNLSTM", "LSTMCell"})
_PLAIN = frozenset({"sigmoid", "tanh", "relu", "linear", "softsign", "softplus"})
_DEEPEST = 64


@dataclass(frozen=True)
class Configured:
    """An LSTM layer of a configuration.

    name: of the layer. group: the name that Keras 3 gives its group in a file of weights. keys: those of a case.
    notes: what is worth knowing. problems: what the suite has no word for.
    """

    name: str
    group: str
    keys: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def configured(config: Mapping[str, Any], version: str | None) -> list[Configured]:
    """The LSTM layers of a model's configuration, in order. version: of the Keras that wrote it."""
    found, counts = [], dict[str, int]()
    for layer in _layers(config, 0):
        kind, own = layer["class_name"], layer["config"]
        if not isinstance(own.get("name"), str):
            continue
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()
        number = counts[snake] = counts.get(snake, -1) + 1
        group = f"{snake}_{number}" if number else snake
        each = _of(kind, own, group, version)
        if each is not None:
            found.append(each)
    return found


def _layers(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """The layers of a configuration, those inside of models too, but not the ones that a layer wraps."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for each in value:
            yield from _layers(each, depth + 1)
    elif isinstance(value, dict):
        if isinstance(value.get("class_name"), str) and isinstance(value.get("config"), dict):
            inner = value["config"].get("layers")
            if inner is None:
                yield value
            else:
                yield from _layers(inner, depth + 1)
        else:
            yield from _layers(value.get("layers"), depth + 1)


def _of(kind: str, own: dict[str, Any], group: str, version: str | None) -> Configured | None:
    """The layer, if it is an LSTM or wraps one."""
    inner = own.get("layer") if kind == "Bidirectional" else own.get("cell") if kind == "RNN" else None
    if inner is None:
        if kind not in _LSTMS:
            return None
        each = Configured(own["name"], group, {})
        each.keys["activations"] = [_activations(own, each, version)]
        each.keys["direction"] = "reverse" if own.get("go_backwards") else "forward"
        return each
    if not _is_lstm(inner):
        return None
    each = Configured(own["name"], group, {})
    chosen = [_activations(inner["config"], each, version)]
    if kind == "RNN":
        each.keys["activations"] = chosen
        each.keys["direction"] = "reverse" if own.get("go_backwards") else "forward"
        return each
    backward = own.get("backward_layer")
    if _is_lstm(backward):
        chosen.append(_activations(backward["config"], each, version))
    if inner["config"].get("go_backwards"):
        each.problems.append("its forward layer goes backwards, so its directions are exchanged")
    if own.get("merge_mode", "concat") != "concat":
        each.notes.append(f"merge_mode {shortened(str(own.get('merge_mode')))}: the weights do not say so")
    each.keys["activations"] = chosen if len(chosen) == 2 and chosen[0] != chosen[1] else chosen[:1]
    each.keys["direction"] = "bidirectional"
    return each


def _is_lstm(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and value.get("class_name") in _LSTMS and isinstance(value.get("config"), dict)


def _activations(own: dict[str, Any], each: Configured, version: str | None) -> dict[str, Any]:
    cell = _activation(own.get("activation", "tanh"), each, version)
    return {
        "gate": _activation(own.get("recurrent_activation", "sigmoid"), each, version),
        "cell": cell,
        "hidden": cell,
    }


def _activation(value: Any, each: Configured, version: str | None) -> Any:
    """The suite's activation for a name of Keras'; a function is told by its registered name."""
    if isinstance(value, dict):
        value = value.get("config")
    name = "linear" if value is None else value
    if name == "hard_sigmoid":
        return _hard_sigmoid(each, version)
    if isinstance(name, str) and name in DEFAULTS["keras"]:
        return {"name": name, **DEFAULTS["keras"][name]}
    if not isinstance(name, str) or name not in _PLAIN:
        each.problems.append(f"the suite has no activation {shortened(str(name))!r}")
        return "tanh"
    return name


def _hard_sigmoid(each: Configured, version: str | None) -> Any:
    """Its slope is 1/6 in Keras 3, and was 0.2 before."""
    major = re.match(r"\d+", version or "")
    if major is None:
        each.problems.append("hard_sigmoid has the slope 1/6 in Keras 3 and 0.2 before, and the version is not told")
        return "sigmoid"
    slope = DEFAULTS["keras"]["hard_sigmoid"]["alpha"] if int(major[0]) >= 3 else 0.2
    written = "1/6" if int(major[0]) >= 3 else "0.2"
    note = f"hard_sigmoid of Keras {shortened(version or '')}: its slope is {written}"
    if note not in each.notes:
        each.notes.append(note)
    return {"name": "hard_sigmoid", "alpha": slope, "beta": 0.5}
