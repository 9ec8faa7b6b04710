"""The layouts that have a name, in words: derived from their tables."""

from __future__ import annotations

from conformance.adapters.layouts import Layout
from conformance.weights.named import NAMED


def layouts_as_text() -> str:
    """Each named layout: whose it is, the order of its gates, its tensors with their parts."""
    return "\n\n".join(f"{row.name}: {row.about}\n{_described(row.layout)}" for row in NAMED.values())


def _described(layout: Layout) -> str:
    form = "(n, gates)" if layout.transposed else "(n, gates), folded" if layout.folded else "(gates, n)"
    tensors = [f"{name}: {', '.join(parts)}" for name, parts in layout.tensors.items()]
    tensors += [f"{layout.peephole}: peepholes"] if layout.peephole else []
    tensors += [f"{layout.projection}: projection"] if layout.projection else []
    gates = "one tensor per gate" if layout.separate else f"gates {' '.join(layout.gates)}"
    return f"  {gates}; matrices {form}\n  " + "\n  ".join(tensors)
