"""The gateway: the public door, and the ledger of what was asked."""
