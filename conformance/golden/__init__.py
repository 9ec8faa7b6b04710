"""Golden vectors: how they are generated, stored and checked."""
