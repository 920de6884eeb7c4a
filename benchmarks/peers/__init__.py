"""Autarch beside its peers on the same work: `python -m benchmarks peers`. Peers have an environment of their own."""
