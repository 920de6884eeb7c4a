"""What can go wrong between a client and its venue, on demand or by a seed."""
