"""Runs the command line: ``python -m yard_cli``."""

print("hi")
