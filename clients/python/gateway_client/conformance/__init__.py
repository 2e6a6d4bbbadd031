"""Proves that this client means the same as all others: the program the conformance suite runs."""
