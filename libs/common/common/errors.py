"""The one error the bus understands."""


class Rejected(Exception):
    """It can never succeed; do not try again. Its text says why, to a person."""
