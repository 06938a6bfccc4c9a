-- Creates the database's roles, or updates them. psql runs it as the master user, in one transaction, before
-- each migration. The directory `passwords` (a psql variable) contains a file with the password of each role,
-- so no password is an argument of a process. A file may contain the password's SCRAM verifier instead, which
-- keeps the password out of the server's log.
--
--   migrate  owns the schema and changes it
--   app      reads and writes the data, and cannot change the schema
--   backup   reads everything
--
-- Clients do not log in as app or backup, but as members of them, named in the files app_login and
-- backup_login. A new password comes with a new name, so the former login works until retire.sql removes it.

\set app_login `cat :passwords/app_login`
\set backup_login `cat :passwords/backup_login`
\set app_password `cat :passwords/app`
\set migrate_password `cat :passwords/migrate`
\set backup_password `cat :passwords/backup`

SET LOCAL client_min_messages = warning;

SELECT '' IN (
    :'app_login', :'backup_login', :'app_password', :'migrate_password', :'backup_password'
) AS incomplete
\gset
\if :incomplete
DO $$ BEGIN RAISE EXCEPTION 'the login or password of a role is missing'; END $$;
\endif

SELECT format('CREATE ROLE %I', role)
FROM unnest(ARRAY['app', 'migrate', 'backup', :'app_login', :'backup_login']) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
\gexec

GRANT app TO :"app_login";
GRANT backup TO :"backup_login";
ALTER ROLE :"app_login" LOGIN PASSWORD :'app_password';
ALTER ROLE migrate LOGIN PASSWORD :'migrate_password';
ALTER ROLE :"backup_login" LOGIN PASSWORD :'backup_password';
ALTER ROLE :"backup_login" SET default_transaction_read_only = on;

-- On RDS, the master user is not a superuser: it sets default privileges only for roles of which it is a
-- member.
GRANT migrate TO CURRENT_USER;

SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()),
       format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO app, migrate, backup', current_database())
\gexec

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO app, backup;
GRANT USAGE, CREATE ON SCHEMA public TO migrate;

-- Objects that future migrations create.
ALTER DEFAULT PRIVILEGES FOR ROLE migrate GRANT SELECT ON TABLES TO app, backup;
ALTER DEFAULT PRIVILEGES FOR ROLE migrate GRANT INSERT, UPDATE, DELETE ON TABLES TO app;
ALTER DEFAULT PRIVILEGES FOR ROLE migrate GRANT SELECT ON SEQUENCES TO app, backup;
ALTER DEFAULT PRIVILEGES FOR ROLE migrate GRANT USAGE, UPDATE ON SEQUENCES TO app;

-- Objects that migrations have created. Objects of extensions have another owner, and cannot be changed here.
SELECT format('GRANT SELECT ON %s %s TO app, backup', kind, name),
       format('GRANT %s ON %s %s TO app', more, kind, name)
FROM pg_class,
     LATERAL (SELECT oid::regclass AS name, relkind = 'S' AS sequence) AS object,
     LATERAL (
         SELECT CASE WHEN sequence THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
                CASE WHEN sequence THEN 'USAGE, UPDATE' ELSE 'INSERT, UPDATE, DELETE' END AS more
     ) AS rights
WHERE relowner = 'migrate'::regrole
  AND relnamespace = 'public'::regnamespace
  AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
\gexec
