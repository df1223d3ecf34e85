-- One database; one role and one schema of the same name for each service.
--
-- Run by psql as the administrator, as often as one likes: by `samband up` at
-- every start, in containers from /docker-entrypoint-initdb.d. The passwords
-- come from the environment, so that they stand in no list of processes.
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;

\getenv registration_password REGISTRATION_PASSWORD
\getenv networks_password NETWORKS_PASSWORD
\getenv notifications_password NOTIFICATIONS_PASSWORD

select format('create role %I', name)
from unnest(array['registration', 'networks', 'notifications']) as name
where not exists (select from pg_roles where rolname = name)
\gexec

alter role registration login password :'registration_password' nosuperuser nocreatedb nocreaterole connection limit 60;
alter role networks login password :'networks_password' nosuperuser nocreatedb nocreaterole connection limit 60;
alter role notifications login password :'notifications_password' nosuperuser nocreatedb nocreaterole connection limit 60;

select 'create database samband'
where not exists (select from pg_database where datname = 'samband')
\gexec

-- Nobody gets in by being anybody.
revoke connect on database postgres, template1 from public;
revoke all on database samband from public;
grant connect on database samband to registration, networks, notifications;

\connect samband
set client_min_messages = warning;

revoke all on schema public from public;

-- The owner of a schema is the only one with any right in it, and the search
-- path of a role is that schema alone: a join across services is an error.
create schema if not exists registration authorization registration;
create schema if not exists networks authorization networks;
create schema if not exists notifications authorization notifications;
alter role registration in database samband set search_path = registration;
alter role networks in database samband set search_path = networks;
alter role notifications in database samband set search_path = notifications;

-- Extensions belong to the administrator; the search by likeness is registration's.
create schema if not exists extensions;
create extension if not exists pg_trgm schema extensions;
grant usage on schema extensions to registration;
