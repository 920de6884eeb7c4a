"""Two vendors' APIs behind one small port. Their libraries are imported when somebody asks them."""
