"""Mutation test of the gate: change one thing in what judges, and see whether anything notices."""
