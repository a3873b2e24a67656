"""The words the services exchange: events, log lines, and the bus they travel on."""
