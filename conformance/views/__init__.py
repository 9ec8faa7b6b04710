"""What the commands show: the matrix of a run, a gate, one case in full, the adapters of an environment, mistakes."""
