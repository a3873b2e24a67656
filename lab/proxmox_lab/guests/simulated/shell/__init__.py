"""The guest's shell: enough of sh for Ansible's own commands and for simple playbook lines."""
