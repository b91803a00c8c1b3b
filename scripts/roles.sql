-- Prepares an empty database for the gateway. Run it once, in that database, as an administrator of the server:
-- OWNER_PASSWORD=... GATEWAY_PASSWORD=... psql "$ADMIN_DATABASE_URL" -f scripts/roles.sql
--
-- gatehouse_owner    owns the database and its tables; only `npm run migrate` logs in as it
-- gatehouse_gateway  what the running gateway logs in as; it owns nothing and inherits nothing
-- gatehouse_tenant, gatehouse_platform  cannot log in; the gateway acts as one of them in each transaction
\set ON_ERROR_STOP on
\getenv owner_password OWNER_PASSWORD
\getenv gateway_password GATEWAY_PASSWORD

select format('create role %I %s', name, attributes)
from (values
  ('gatehouse_tenant', 'nologin nobypassrls'),
  ('gatehouse_platform', 'nologin nobypassrls'),
  ('gatehouse_owner', 'login nosuperuser nocreaterole nobypassrls'),
  ('gatehouse_gateway', 'login nosuperuser nocreaterole nobypassrls noinherit')
) as wanted (name, attributes)
where not exists (select from pg_roles where rolname = name)
\gexec

alter role gatehouse_owner password :'owner_password';
alter role gatehouse_gateway password :'gateway_password';
grant gatehouse_tenant, gatehouse_platform to gatehouse_gateway;

-- An administrator who is no superuser must hold a role to give something to it.
grant gatehouse_owner to current_user;
alter database :"DBNAME" owner to gatehouse_owner;
revoke all on database :"DBNAME" from public;
grant connect on database :"DBNAME" to gatehouse_gateway;
-- Databases that were made before PostgreSQL 15 let everybody create tables here.
revoke create on schema public from public;
alter schema public owner to gatehouse_owner;
