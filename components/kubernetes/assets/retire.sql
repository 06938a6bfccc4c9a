-- Takes away the logins of former passwords. Run by psql as the master user, when the last pod that used them is
-- gone; the directory `passwords` (a psql variable) names today's, as for roles.sql. No login is left half
-- removed: whatever is interrupted, the next run ends it.

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

-- No new sessions; those that are open get some seconds to end.
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
