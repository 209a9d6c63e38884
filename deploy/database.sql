-- Run once as the superuser of PostgreSQL: psql -v owner_password=... -v web_password=... -f deploy/database.sql
-- The owner migrates, the web role serves.
CREATE ROLE smartqueue_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE smartqueue_web LOGIN PASSWORD :'web_password';
CREATE DATABASE smartqueue OWNER smartqueue_owner;
REVOKE ALL ON DATABASE smartqueue FROM PUBLIC;
GRANT CONNECT ON DATABASE smartqueue TO smartqueue_web;
\connect smartqueue
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gist;
ALTER DEFAULT PRIVILEGES FOR ROLE smartqueue_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO smartqueue_web;
ALTER DEFAULT PRIVILEGES FOR ROLE smartqueue_owner GRANT USAGE, SELECT ON SEQUENCES TO smartqueue_web;
