#!/bin/sh
# Restores the dump in $SCRATCH into a new database and compares the two: the second half of a restore.
# $STAMP is part of the new database's name, and $PASSWORDS the directory with the files of roles.sql. The
# script needs a PostgreSQL client of the dump's version or newer, and libpq's service `pipe` as the master
# user. It does not change $DATABASE; swap.sh replaces it afterwards.
set -eu
cd "$SCRATCH"

scripts="$(dirname "$0")"
new="${DATABASE}_restored_$STAMP"
sql() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }
server="service=$PGSERVICE dbname=postgres"
target="service=$PGSERVICE dbname=$new"

# Drop databases of interrupted restores, unless somebody is connected to them.
sql --dbname="$server" --set=prefix="${DATABASE}_restored_" <<'SQL'
SELECT format('DROP DATABASE %I', datname) FROM pg_database
WHERE starts_with(datname, :'prefix')
  AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE datid = pg_database.oid)
\gexec
SQL

echo "restoring into $new"
# Use the live database's encoding and collation, or those of `postgres` if the live database is lost.
sql --dbname="$server" --set=new="$new" --set=live="$DATABASE" <<'SQL'
SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L',
              :'new', pg_encoding_to_char(encoding), datcollate, datctype)
FROM pg_database WHERE datname IN (:'live', current_database()) ORDER BY datname = :'live' DESC LIMIT 1
\gexec
SQL
# Create the roles first, since pg_restore gives objects to their owners.
sql --dbname="$target" --set=passwords="$PASSWORDS" --single-transaction --file="$scripts/roles.sql"
pg_restore --dbname="$target" --no-password --exit-on-error --jobs=2 restore.dump

# A dump of the new database must list the same objects: tables, constraints, indexes, privileges.
objects() {
    pg_restore --list "$1" | sed -n 's/^[0-9][0-9]*; [0-9]* [0-9]* //p' |
        grep -v -E '^(TABLE DATA|MATERIALIZED VIEW DATA|SEQUENCE SET|BLOBS?) ' | sort
}
objects restore.dump > expected
pg_dump --dbname="$target" --no-password --format=custom --schema-only --file=new.dump
objects new.dump > actual
diff expected actual || {
    echo "the objects in $new differ from those in the dump (< dump, > $new)" >&2
    exit 1
}

# Each table must have as many rows as the dump has lines for it.
pg_restore --data-only --file=- restore.dump | awk '
    table != "" { if ($0 == "\\.") { print rows + 0 "\t" table; table = "" } else rows++; next }
    match($0, /^COPY ("([^"]|"")*"|[^" .]+)\.("([^"]|"")*"|[^" ]+)/) {
        table = substr($0, 6, RLENGTH - 5)
        rows = 0
    }
' | sort > expected
awk -F '\t' '{ label = $2; gsub(/\047/, "\047\047", label)
    print "SELECT count(*) || E\047\\t\047 || \047" label "\047 FROM " $2 ";" }' expected > count.sql
sql --dbname="$target" --file=count.sql | sort > actual
diff expected actual || {
    echo "the numbers of rows in $new differ from those in the dump (< dump, > $new)" >&2
    exit 1
}

sql --dbname="$target" --command=ANALYZE
rows="$(awk '{ rows += $1 } END { print rows + 0 }' expected)"
echo "$new: $(wc -l < expected) tables, $rows rows, as in the dump"
