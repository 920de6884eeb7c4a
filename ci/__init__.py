"""The gate: one check a file, policy, reports, publishing."""
