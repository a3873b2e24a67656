"""How the log-service reaches its database, the gateway's keys and its viewers."""
