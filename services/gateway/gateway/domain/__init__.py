"""What servers and operations are, and how they live. Pure: no clock, no database, no bus."""
