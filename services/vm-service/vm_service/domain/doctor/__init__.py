"""What a deployment needs of a hypervisor, looked at one thing after the other."""
