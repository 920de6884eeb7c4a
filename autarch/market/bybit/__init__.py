"""Bybit's public history as a source of data sets: no key, no order, read-only."""
