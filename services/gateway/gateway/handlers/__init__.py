"""What the gateway does when it is asked or told something: one function, one transaction."""
