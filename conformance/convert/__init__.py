"""Moves weights from one framework's layout to another's, and proves the move.

conformance.convert.changes       what has to change: biases, forget bias, dtype; and what is refused
conformance.convert.writing       the target as a file
conformance.convert.proof         the frameworks of source and target run with their weights, and are judged
conformance.convert.moving        one after the other
"""
