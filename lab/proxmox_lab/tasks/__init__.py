"""Asynchronous work with UPIDs, logs and locks."""
