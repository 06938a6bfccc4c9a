#!/bin/sh
# Replaces $DATABASE with the database that restore.sh created, and keeps the old one under another name. Both
# are renamed in one transaction, so an interruption leaves $DATABASE complete. Sessions are terminated first,
# and nobody can connect during the renames. The script needs a PostgreSQL client, and libpq's service
# `pipe` as the master user.
set -eu

new="${DATABASE}_restored_$STAMP"
old="${DATABASE}_before_$STAMP"
sql() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }
server="service=$PGSERVICE dbname=postgres"

count="$(sql --dbname="$server" --set=new="$new" <<'SQL'
SELECT count(*) FROM pg_database WHERE datname = :'new';
SQL
)"
[ "$count" = 1 ] || {
    echo "there is no database $new: it was not restored, or it has already replaced $DATABASE" >&2
    exit 1
}

tries=0
until sql --dbname="$server" --set=live="$DATABASE" --set=new="$new" --set=old="$old" <<'SQL'
SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity JOIN pg_roles ON rolname = usename
WHERE datname IN (:'live', :'new') AND NOT rolsuper
\gset
BEGIN;
SELECT format('ALTER DATABASE %I RENAME TO %I', :'live', :'old') FROM pg_database WHERE datname = :'live'
\gexec
SELECT format('ALTER DATABASE %I RENAME TO %I', :'new', :'live')
\gexec
COMMIT;
SQL
do
    tries=$((tries + 1))
    [ "$tries" -lt 10 ] || { echo "$DATABASE is still in use" >&2; exit 1; }
    sleep 1
done
echo "$DATABASE is the restored database; the old one is $old"
