"""`python -m autarch`: the same entry as the `autarch` command."""

from autarch.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
