"""Makes the environment the product runs in; needs nothing but Python's standard library."""
