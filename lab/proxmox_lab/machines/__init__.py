"""What machines are made of: configuration, sizes, cloud-init, the guests behind them."""
