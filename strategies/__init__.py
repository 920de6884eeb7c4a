"""One folder an idea; each is judged, merged and released by itself."""
