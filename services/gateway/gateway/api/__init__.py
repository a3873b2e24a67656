"""HTTP: routes translate between requests and handlers, and decide nothing."""
