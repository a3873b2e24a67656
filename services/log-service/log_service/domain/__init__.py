"""What a record of lines is: streams, lines, frames, and what a viewer may leave unread."""
