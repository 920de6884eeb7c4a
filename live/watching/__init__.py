"""From one release to the next: which tag is next, and what becomes of the positions. No trade keys here."""
