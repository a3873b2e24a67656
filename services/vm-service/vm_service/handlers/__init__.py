"""What the vm-service does when it hears something, and the long work that follows."""
