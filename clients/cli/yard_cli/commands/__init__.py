"""What can be typed after ``yard``."""
