"""The review desk: pages over the forge, Git, the ledger and the live journal. It decides nothing and holds no key."""
