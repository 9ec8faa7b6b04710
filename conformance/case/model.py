"""`Case`: one complete LSTM computation: shapes, options, where its numbers come from, how it is judged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import ValidationInfo, model_validator

from conformance.case.checks import problems_of
from conformance.case.dtypes import SHORT
from conformance.case.fields import Fields
from conformance.case.option_table import labels
from conformance.case.options import Activations
from conformance.case.tensor_table import COTANGENTS, INPUTS

CHECKED = "checked"
"""The context for reading a case that came from a spec, where its keys have already been checked together."""


class Case(Fields):
    """One case, whose keys fit together."""

    @model_validator(mode="after")
    def _fits_together(self, info: ValidationInfo) -> Case:
        if info.context == CHECKED:
            return self
        if problems := problems_of(self):
            raise ValueError("; ".join(problems))
        return self

    def digest(self) -> str:
        """SHA-256 of everything that decides the numbers, so not of descriptions, the origin or the tolerance."""
        return self._digest

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, whose copies have what was computed for the original."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("_digest", "_described"):
            copied.__dict__.pop(name, None)
        return copied

    def described(self) -> str:
        """The keys that are not as by default, as JSON."""
        return self._described

    @cached_property
    def _described(self) -> str:
        # Not model_dump_json: it compares with the defaults in Python, and turns a Ctrl-C there into another error.
        return json.dumps(self.model_dump(mode="json", exclude_defaults=True))

    @cached_property
    def _digest(self) -> str:
        # Words, how it is judged, and how it is stored.
        unused = {"description", "source", "origin", "tolerance", "exempt", "on_demand", "remade"}
        unused |= {name for name in COTANGENTS if not INPUTS[name].present(self)}
        unused |= set() if self.cross_entropy else {"targets"}
        # Cases without this key keep the digest that they had before there was one.
        unused |= {"output_peephole"} if self.output_peephole == "new-cell" else set()
        fields = self.model_dump(mode="json", exclude=unused)
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    def summary(self) -> str:
        """Shapes and the options that differ from the plain LSTM, in one line."""
        parts = [f"T={self.T} B={self.B} I={self.I} H={self.H}"]
        parts += [f"P={self.P}"] if self.P is not None else []
        parts += [f"L={self.layers}"] if self.layers > 1 else []
        parts += [self.direction, SHORT[self.dtype]]
        if any(a != Activations() for a in self.activations):
            parts.append("activations " + " / ".join(map(str, self.activations)))
        parts += ["no bias"] if not self.bias else []
        parts += labels(self)
        parts += ["lengths " + ",".join(map(str, self.lengths))] if self.lengths else []
        parts += [f"{len(self.calls)} calls"] if self.calls else []
        parts += [f"no {name}" for name in ("h0", "c0") if getattr(self, name) is None]
        parts += [f"{self.poison.value:g} in {self.poison.tensor}"] if self.poison else []
        return " ".join(parts)
