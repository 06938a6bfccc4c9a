-- The database's roles: made on the first run, brought up to date on every other one. Run by psql as the master
-- user, in one transaction, before each migration. A role's password is the file named like the role in the
-- directory `passwords` (a psql variable), so it is no process's argument. The file may as well hold the password's
-- SCRAM verifier: then it is in no log of the server either, whatever is logged.
--
--   migrate  owns the schema and changes it
--   app      reads and writes the data, changes no schema
--   backup   reads everything

\set app_password `cat :passwords/app`
\set migrate_password `cat :passwords/migrate`
\set backup_password `cat :passwords/backup`

SET LOCAL client_min_messages = warning;

SELECT '' IN (:'app_password', :'migrate_password', :'backup_password') AS incomplete
\gset
\if :incomplete
DO $$ BEGIN RAISE EXCEPTION 'the password of a role is missing'; END $$;
\endif

SELECT format('CREATE ROLE %I', role)
FROM unnest(ARRAY['app', 'migrate', 'backup']) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
\gexec

ALTER ROLE app LOGIN PASSWORD :'app_password';
ALTER ROLE migrate LOGIN PASSWORD :'migrate_password';
ALTER ROLE backup LOGIN PASSWORD :'backup_password';
ALTER ROLE backup SET default_transaction_read_only = on;

-- The master is no superuser on RDS: it may set another role's default privileges only as its member.
GRANT migrate TO CURRENT_USER;

SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database())
UNION ALL
SELECT format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO app, migrate, backup', current_database())
\gexec

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO app, backup;
GRANT USAGE, CREATE ON SCHEMA public TO migrate;

-- What migrations will create.
ALTER DEFAULT PRIVILEGES FOR ROLE migrate GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO app;
ALTER DEFAULT PRIVILEGES FOR ROLE migrate GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO app;
ALTER DEFAULT PRIVILEGES FOR ROLE migrate GRANT SELECT ON TABLES TO backup;
ALTER DEFAULT PRIVILEGES FOR ROLE migrate GRANT SELECT ON SEQUENCES TO backup;

-- What they have created already; not what extensions own, which would refuse.
SELECT CASE relkind
    WHEN 'S' THEN format('GRANT USAGE, SELECT, UPDATE ON SEQUENCE %s TO app', oid::regclass)
    ELSE format('GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %s TO app', oid::regclass)
END
FROM pg_class
WHERE relowner = 'migrate'::regrole AND relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
UNION ALL
SELECT format('GRANT SELECT ON %s %s TO backup', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, oid::regclass)
FROM pg_class
WHERE relowner = 'migrate'::regrole AND relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
\gexec
