"""The guest's SSH server: real keys, real sessions, real file transfer, over the model."""
