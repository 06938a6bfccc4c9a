#!/bin/sh
# Restores the dump of $SCRATCH into a new database beside $DATABASE, and compares the two; the second half of a
# restore. $STAMP makes the new name. Needs PostgreSQL's client, at least of the version that made the dump, and
# libpq's service `pipe` as the master user. $DATABASE itself is not touched: swap.sh does that, afterwards.
set -eu
cd "$SCRATCH"

scripts="$(dirname "$0")"
passwords="$(dirname "$PGSERVICEFILE")"
new="${DATABASE}_restored_$STAMP"
sql() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }
server="service=$PGSERVICE dbname=postgres"
target="service=$PGSERVICE dbname=$new"

# What an interrupted restore left behind goes, unless somebody is connected to it.
sql --dbname="$server" --set=prefix="${DATABASE}_restored_" <<'SQL'
SELECT format('DROP DATABASE %I', datname) FROM pg_database
WHERE starts_with(datname, :'prefix')
  AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE datid = pg_database.oid)
\gexec
SQL

echo "restoring into $new"
# Encoding and order of the live database; of the server's own, if the live one is lost.
sql --dbname="$server" --set=new="$new" --set=live="$DATABASE" <<'SQL'
SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L',
              :'new', pg_encoding_to_char(encoding), datcollate, datctype)
FROM pg_database WHERE datname IN (:'live', current_database()) ORDER BY datname = :'live' DESC LIMIT 1
\gexec
SQL
# The roles first: objects are given to their owners while they are restored.
sql --dbname="$target" --set=passwords="$passwords" --single-transaction --file="$scripts/roles.sql"
pg_restore --dbname="$target" --no-password --exit-on-error --jobs=2 restore.dump

# The new database, dumped again, must have the very objects of the dump: tables, constraints, indexes, rights.
objects() {
    pg_restore --list "$1" | sed -n 's/^[0-9][0-9]*; [0-9]* [0-9]* //p' |
        grep -v -E '^(TABLE DATA|MATERIALIZED VIEW DATA|SEQUENCE SET|BLOBS?) ' | sort
}
objects restore.dump > wanted
pg_dump --dbname="$target" --no-password --format=custom --schema-only --file=again
objects again > found
diff wanted found || { echo "$new does not have the dump's objects (< dump, > $new)" >&2; exit 1; }

# And as many rows in each table as the dump has lines for it.
pg_restore --data-only --file=- restore.dump | awk '
    table != "" { if ($0 == "\\.") { print rows + 0 "\t" table; table = "" } else rows++; next }
    match($0, /^COPY ("([^"]|"")*"|[^" .]+)\.("([^"]|"")*"|[^" ]+)/) { table = substr($0, 6, RLENGTH - 5); rows = 0 }
' | sort > wanted
awk -F '\t' '{ label = $2; gsub(/\047/, "\047\047", label)
    print "SELECT count(*) || E\047\\t\047 || \047" label "\047 FROM " $2 ";" }' wanted > count.sql
sql --dbname="$target" --file=count.sql | sort > found
diff wanted found || { echo "$new does not have the dump's rows (< dump, > $new)" >&2; exit 1; }

sql --dbname="$target" --command=ANALYZE
echo "$new: $(wc -l < wanted) tables, $(awk '{ rows += $1 } END { print rows + 0 }' wanted) rows, as in the dump"
