"""Pull requests over HTTP: a client of GitHub's REST API, and a local forge that serves the same routes."""
