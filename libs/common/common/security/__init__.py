"""Tokens: how the services know who asks."""
