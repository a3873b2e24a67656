"""Runs the command line: ``python -m yard_cli``."""

from yard_cli.main import main

if __name__ == "__main__":
    main()
