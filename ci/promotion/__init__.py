"""Promotion: one test on holdout and forward bars that a human pays for, and the tiers that evidence buys."""
