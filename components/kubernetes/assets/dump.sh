#!/bin/sh
# Dumps the database into $SCRATCH and reads the dump back; the first half of a backup. Needs PostgreSQL's
# client, at least of the server's version, and libpq's variables for the connection. Any failure ends the
# backup, before anything is uploaded.
set -eu
cd "$SCRATCH"

name="$(date -u +%Y%m%dT%H%M%SZ).dump"
echo "dumping to $name"
pg_dump --format=custom --no-password --file="$name"

# The table of contents must be readable and name tables; then every block is read and unpacked, since a dump
# that was cut off still has its table of contents.
pg_restore --list "$name" > contents
grep -q ' TABLE DATA ' contents || { echo "the dump holds no table" >&2; exit 1; }
pg_restore --file=/dev/null "$name"

sha256sum "$name" > "$name.sha256"
echo "$name: $(wc -c < "$name") bytes, $(grep -c ' TABLE DATA ' contents) tables"
