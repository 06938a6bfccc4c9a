#!/bin/sh
# Puts the database that restore.sh has made in the place of $DATABASE, which is kept under another name. Both
# renames are one transaction: whatever is interrupted, $DATABASE is the one or the other. Sessions are ended first;
# while the server renames, nobody can connect. Needs PostgreSQL's client and libpq's service `pipe` as the master user.
set -eu

new="${DATABASE}_restored_$STAMP"
kept="${DATABASE}_before_$STAMP"
sql() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }
server="service=$PGSERVICE dbname=postgres"

there="$(sql --dbname="$server" --set=new="$new" <<'SQL'
SELECT count(*) FROM pg_database WHERE datname = :'new';
SQL
)"
[ "$there" = 1 ] || { echo "$new is not there: not restored, or swapped already" >&2; exit 1; }

tries=0
until sql --dbname="$server" --set=live="$DATABASE" --set=new="$new" --set=kept="$kept" <<'SQL'
SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity JOIN pg_roles ON rolname = usename
WHERE datname IN (:'live', :'new') AND NOT rolsuper
\gset
BEGIN;
SELECT format('ALTER DATABASE %I RENAME TO %I', :'live', :'kept') FROM pg_database WHERE datname = :'live'
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
echo "$DATABASE is the restored one; the one of before is $kept"
