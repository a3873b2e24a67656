"""The provisioner: the only service that talks to a guest."""
