"""Results: what one says, the files they stand in, known deviations, merging and gating. Nothing here runs anything."""
