"""Moods of layers: what is tiny, and what NaN and infinities do, is hidden in most, and shows in a few."""

from __future__ import annotations

USUAL, QUIET, POISONED = "usual", "quiet", "poisoned"
MOODS = {USUAL: 72, QUIET: 16, POISONED: 12}
"""How often of a hundred a layer is of each mood. What is tiny, and what NaN and infinities do, is hidden by a bias and
by most options, and shows in some activations only; so there are layers for them alone."""
WISHED: dict[str, dict[str, tuple[str, ...]]] = {
    QUIET: {"bias": ("no bias",), "activations": ("softsign", "relu", "elu", "hard sigmoid")},
    POISONED: {
        "bias": ("no bias",),
        "gate_clip": ("gate clip", "gate clip of all"),
        "activations": ("softsign", "relu", "elu", "hard sigmoid"),
    },
}
"""Mood -> levels that its layers have in about half of all cases."""
TELLING = {
    USUAL: (),
    QUIET: ("elu", "softplus", "scaled_tanh", "softsign"),
    POISONED: ("relu", "hard_sigmoid", "thresholded_relu"),
}
"""Activations in which the mood shows most."""
