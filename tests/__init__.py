"""Spawnyard's tests."""
