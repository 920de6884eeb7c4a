"""What models cost: caps, checked before each call, and a record of each attempt that outlives a kill."""
