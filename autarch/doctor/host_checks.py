"""What this host offers: sandbox, clock, disk."""
