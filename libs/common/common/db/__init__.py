"""The database: engine, transactions, mailbox, leases, migrations."""
