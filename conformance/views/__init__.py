"""What people see: the matrix of a run, one case in full, the adapters of an environment."""
