"""What the repository holds: signers, lock file, hooks."""
