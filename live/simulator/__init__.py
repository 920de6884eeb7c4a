"""A simulated Bybit v5 for USDT perpetuals: one matching core, its wire formats, its sockets and its faults.

What agrees with it agrees with our model of Bybit, not with Bybit: `live conform` is what checks the model.
"""
