"""The rules that a game's folder keeps, for whoever writes one and for the project's tests."""
