#!/bin/sh
# Make the secrets of docker-compose.yml, each a file of its own, where they are not there yet: ./secrets, or the
# directory given. Nothing is printed. Keep the directory to yourself; a container reads its own files only.
set -eu
directory=${1:-${SECRETS:-secrets}}
umask 077
mkdir -p "$directory"

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
keep() { # keep NAME VALUE: write a secret unless it is there. Users in containers are others, so the file can be read;
    # the directory cannot be entered by anybody else.
    [ -s "$directory/$1" ] || { printf '%s\n' "$2" >"$directory/$1"; chmod 0444 "$directory/$1"; }
}

keep postgres-password "$(random)"
keep redis-password "$(random)"
keep grafana-password "$(random)"
keep database-url "postgresql+psycopg://accesswatch:$(cat "$directory/postgres-password")@postgres:5432/accesswatch"
hash=$(tr -d '\n' <"$directory/redis-password" | sha256sum | cut -d' ' -f1)
# What `keep` writes for Redis is the shipped list of rights, without its comments, with this password in it.
keep redis-acl "$(sed -e '/^#/d' -e "s/#0\{64\}/#$hash/" "$(dirname "$0")/../redis-acl.conf")"
