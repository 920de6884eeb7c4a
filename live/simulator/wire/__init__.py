"""Bybit's v5 wire formats over the exchange: REST answers and stream sessions as pure functions of bytes and time."""
