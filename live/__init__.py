"""From a signed tag to orders: verification, executor, venues, journal, provenance."""
