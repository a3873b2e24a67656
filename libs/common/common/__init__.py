"""What the services share, and what knows none of them."""
