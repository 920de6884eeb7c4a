"""The vault: the one place where holdout and forward bars are opened, for one word at a time."""
