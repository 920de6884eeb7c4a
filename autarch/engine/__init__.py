"""The backtest engine: rules of one bar, state across bars, the kernel that plays them."""
