"""What can be done to machines: each verb of the API, as work on the lab."""
