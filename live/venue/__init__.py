"""Venues behind one port: what an executor may ask of an exchange, real or simulated."""
