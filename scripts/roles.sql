-- Prepares an empty database for the gateway. Run it once, in that database, as an administrator of the server:
-- OWNER_PASSWORD=... GATEWAY_PASSWORD=... psql "$ADMIN_DATABASE_URL" -f scripts/roles.sql
--
-- gatehouse_owner    owns the database and its tables; only `npm run migrate` logs in as it
-- gatehouse_gateway  what the running gateway logs in as; it owns nothing and inherits nothing
-- gatehouse_tenant, gatehouse_platform  cannot log in; the gateway acts as one of them in each transaction
--
-- Roles belong to the whole server. A second installation on the same server sets OWNER_LOGIN and GATEWAY_LOGIN to names of
-- its own. Otherwise this script would give the logins of the first installation a new password, and let them into both
-- databases. The two roles without a login hold nothing by themselves, so the installations share them.
\set ON_ERROR_STOP on
\getenv owner_password OWNER_PASSWORD
\getenv gateway_password GATEWAY_PASSWORD
\if :{?owner_password} \else
  do 'begin raise exception ''OWNER_PASSWORD is not set''; end';
\endif
\if :{?gateway_password} \else
  do 'begin raise exception ''GATEWAY_PASSWORD is not set''; end';
\endif
\set owner_login gatehouse_owner
\getenv owner_login OWNER_LOGIN
\set gateway_login gatehouse_gateway
\getenv gateway_login GATEWAY_LOGIN

select format('create role %I %s', name, attributes)
from (values
  ('gatehouse_tenant', 'nologin nobypassrls'),
  ('gatehouse_platform', 'nologin nobypassrls'),
  (:'owner_login', 'login nosuperuser nocreaterole nobypassrls'),
  (:'gateway_login', 'login nosuperuser nocreaterole nobypassrls noinherit')
) as wanted (name, attributes)
where not exists (select from pg_roles where rolname = name)
\gexec

alter role :"owner_login" password :'owner_password';
alter role :"gateway_login" password :'gateway_password';
grant gatehouse_tenant, gatehouse_platform to :"gateway_login";

-- The gateway sets these for each of its connections. A pooler in transaction mode gives it connections that others opened.
alter role :"gateway_login" set statement_timeout = '5s';
alter role :"gateway_login" set lock_timeout = '1s';
alter role :"gateway_login" set idle_in_transaction_session_timeout = '10s';
alter role :"gateway_login" set timezone = 'UTC';

-- An administrator who is no superuser must hold a role to give something to it.
grant :"owner_login" to current_user;
alter database :"DBNAME" owner to :"owner_login";
revoke all on database :"DBNAME" from public;
grant connect on database :"DBNAME" to :"gateway_login";
-- Databases that were made before PostgreSQL 15 let everybody create tables here.
revoke create on schema public from public;
alter schema public owner to :"owner_login";
