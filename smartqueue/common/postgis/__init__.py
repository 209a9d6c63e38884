"""Django's PostGIS backend with connections that tell PostgreSQL the tenant scope."""
