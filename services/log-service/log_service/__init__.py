"""The log-service: what happened is told here."""
