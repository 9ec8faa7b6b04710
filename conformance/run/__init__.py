"""One adapter and one case to one result: the only path the command line and the pytest plugin have."""
