"""The doors of the log-service: history and live stream."""
