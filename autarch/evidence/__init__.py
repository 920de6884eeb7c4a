"""The evidence behind a verdict and the ledger of what was tried: formats, signatures, storage in Git."""
