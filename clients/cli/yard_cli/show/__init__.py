"""How the demo is shown: live on a terminal, line by line elsewhere."""
