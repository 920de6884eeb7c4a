"""What the forge enforces, compared with what it should."""
