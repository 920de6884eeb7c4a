"""What the executor needs of the world, and nothing of how it is done: venue, bars, brain, clock, journal, alerts."""
