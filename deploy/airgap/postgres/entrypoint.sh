#!/bin/bash
# As the official image: an empty PGDATA becomes a database for POSTGRES_USER, whose password is in a file; then the
# server becomes PID 1.
set -euo pipefail
bin=$(echo /usr/lib/postgresql/*/bin)
user=${POSTGRES_USER:-postgres}
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    "$bin/initdb" --username="$user" --pwfile="$POSTGRES_PASSWORD_FILE" --auth=scram-sha-256 --encoding=UTF8 \
        --locale=C.UTF-8 >/dev/null
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    if [ "${POSTGRES_DB:-$user}" != postgres ]; then
        # The database is made before anybody can come in.
        echo "CREATE DATABASE \"${POSTGRES_DB:-$user}\" OWNER \"$user\"" |
            "$bin/postgres" --single -D "$PGDATA" postgres >/dev/null
    fi
fi
exec "$bin/postgres" -D "$PGDATA" -c listen_addresses='*'
