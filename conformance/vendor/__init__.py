"""What a vendor starts from: a package with an adapter that works, and whose engine is to be replaced."""
