"""Proposers of pull requests: tuner, Claude, Codex and command-line agents."""
