#!/bin/sh
# Dumps the database into $SCRATCH and reads the dump back: the first half of a backup. The script needs a
# PostgreSQL client of the server's version or newer, and libpq's variables for the connection. Any failure
# ends the backup before the upload.
set -eu
cd "$SCRATCH"

name="$(date -u +%Y%m%dT%H%M%SZ).dump"
echo "dumping to $name"
pg_dump --format=custom --no-password --file="$name"

# The table of contents must be readable and contain tables. A truncated dump has a table of contents too, so
# every block is read and unpacked as well.
pg_restore --list "$name" > contents
grep -q ' TABLE DATA ' contents || { echo "the dump contains no table" >&2; exit 1; }
pg_restore --file=/dev/null "$name"

sha256sum "$name" > "$name.sha256"
echo "$name: $(wc -c < "$name") bytes, $(grep -c ' TABLE DATA ' contents) tables"
