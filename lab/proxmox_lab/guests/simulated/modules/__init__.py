"""Ansible's modules, applied to the model instead of a machine."""
