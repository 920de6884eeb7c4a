"""One folder an idea: `manifest.toml` and `strategy.py`. Nothing here is imported; it is read as bytes."""
