"""A client of the gateway's and the log-service's API."""
