"""How fast live trading is: against our model of Bybit, on loopback."""
