"""Ask a real venue whether it does what we assume of it, step by step, and keep what it said as a signed record."""
