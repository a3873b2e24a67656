"""Stand-ins for games whose own servers cannot be had here, and a mirror that offers them."""
