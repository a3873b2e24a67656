"""What the gateway's handlers need from the outside, as Protocols."""
