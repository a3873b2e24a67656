"""The ``yard`` command: starts the product, shows it, and speaks to its API."""
