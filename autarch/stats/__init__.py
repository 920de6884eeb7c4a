"""Pure functions that say what an amount of evidence can decide. Values in, values out; no data set, no ledger."""
