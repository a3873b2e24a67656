"""SSH, Ansible, the games' own protocols, the catalogue on disk, the database."""
