"""The bus: connection, declaration, consumer, relay, log writer. The only nats-py."""
