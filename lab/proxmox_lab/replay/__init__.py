"""Recorded exchanges played back against a lab."""
