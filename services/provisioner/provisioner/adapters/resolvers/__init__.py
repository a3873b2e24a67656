"""From a wanted version to the files it is made of: one module per kind of source."""
