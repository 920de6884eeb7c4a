"""Watch an executor from beside it: log, metrics, alerts, heartbeat, status, drift. Nothing here can send an order."""
