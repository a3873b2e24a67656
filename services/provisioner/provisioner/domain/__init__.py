"""What a run is, and what is told to and by Ansible: no input, no output."""
