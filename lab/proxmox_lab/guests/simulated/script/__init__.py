"""The text of shell scripts, taken apart; nothing here runs anything."""
