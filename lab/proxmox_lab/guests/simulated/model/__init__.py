"""A Debian guest as a model: files, accounts, packages, units, and how they hang together."""
