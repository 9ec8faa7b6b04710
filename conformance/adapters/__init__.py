"""One module a framework, each reached through the entry point group `lstm_conformance.adapters`."""
