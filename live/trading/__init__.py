"""The executor: one account, one task, one thing after another; what it knows is a fold over its journal."""
