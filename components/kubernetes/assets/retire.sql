-- Drops the logins of former passwords. psql runs it as the master user, after the last pod that used them.
-- The directory `passwords` (a psql variable) contains the current ones, as for roles.sql. After an
-- interruption the next run completes it.

\set app_login `cat :passwords/app_login`
\set backup_login `cat :passwords/backup_login`
\if :{?patience}
\else
\set patience 120
\endif

SELECT '' IN (:'app_login', :'backup_login') AS incomplete
\gset
\if :incomplete
DO $$ BEGIN RAISE EXCEPTION 'the login of a role is missing'; END $$;
\endif

CREATE TEMPORARY TABLE former AS
SELECT login.rolname AS name
FROM pg_auth_members JOIN pg_roles AS login ON login.oid = member
WHERE roleid IN ('app'::regrole, 'backup'::regrole)
  AND login.rolname ~ '^(app|backup)_[0-9a-f]{8}$'
  AND login.rolname NOT IN (:'app_login', :'backup_login');

-- Refuse new sessions, and wait some seconds for open ones to end.
SELECT format('ALTER ROLE %I NOLOGIN', name) FROM former
\gexec
SELECT set_config('pipe.patience', :'patience', false) AS patience
\gset
DO $$
BEGIN
    FOR second IN 1 .. current_setting('pipe.patience')::integer LOOP
        PERFORM pg_stat_clear_snapshot();
        EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity JOIN former ON usename = name);
        PERFORM pg_sleep(1);
    END LOOP;
END $$;
SELECT count(pg_terminate_backend(pid, 5000)) AS ended FROM pg_stat_activity JOIN former ON usename = name
\gset
SELECT format('DROP ROLE %I', name) FROM former
\gexec
SELECT format('retired %s logins, ended %s sessions', count(*), :'ended') FROM former;
