"""What the ports are in reality: SQL, files, argon2, signed tokens."""
