"""The paper venue: the simulated exchange in this process, behind the venue's port."""
