"""Programs of the guest that listen: real sockets on its address, modelled answers."""
