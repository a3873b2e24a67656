#!/bin/sh
# Run once by the PostgreSQL image: a role and a database for each service, closed to the others.
set -eu

make_database() {
  psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set name="$1" --set password="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
}

make_database gateway "$GATEWAY_DATABASE_PASSWORD"
make_database vm_service "$VM_SERVICE_DATABASE_PASSWORD"
make_database provisioner "$PROVISIONER_DATABASE_PASSWORD"
make_database log_service "$LOG_SERVICE_DATABASE_PASSWORD"
