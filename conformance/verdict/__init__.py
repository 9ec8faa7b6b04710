"""Is an answer right, and if not, where does it go wrong."""
