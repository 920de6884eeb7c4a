"""Confinement: what a strategy may say (source policy) and the process it runs in (worker)."""
