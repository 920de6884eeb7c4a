"""Where bars come from: recordings, scripts, a venue's public stream."""
