"""Bybit v5, USDT perpetuals in one-way mode, behind the venue port: logic over two small ports, pybit below them."""
