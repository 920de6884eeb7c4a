"""The evolution loop: operators, archive, bandit, tournament, all of it rebuilt from Git."""
