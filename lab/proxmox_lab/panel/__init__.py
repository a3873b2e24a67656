"""The lab's own routes under /lab/: looking in, and making trouble."""
