"""Golden vectors: how they are made."""
