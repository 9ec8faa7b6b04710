"""What a vendor starts from: a package with a working adapter, in which the engine must be replaced."""
