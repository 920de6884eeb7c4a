"""Compares what is in force with what should be, and names each drift with its cure."""
