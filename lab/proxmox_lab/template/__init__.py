"""Build the Debian template which real guests are cloned from."""
