"""Run an agent's program so that it can think, write its folder and call its tools, and reach nothing else."""
