"""Is the process up, is it ready, what are its figures."""

import hmac

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import CollectorRegistry, generate_latest
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from smartqueue.common.redis import client

# Read from the database when asked for, so every process answers the same; apps add collectors.
SHARED_FIGURES = CollectorRegistry(auto_describe=False)

_DATABASE_ERRORS = (DatabaseError, InterfaceError, PoolTimeout)


def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """Say that everything needed is there, or answer 503 with what is missing."""
    missing = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if MigrationExecutor(connection).migration_plan(_leaves()):
            missing.append("migrations")
    except _DATABASE_ERRORS:
        missing.append("database")
    try:
        client().ping()
    except RedisError:
        missing.append("redis")
    if missing:
        return JsonResponse(
            {"status": "unavailable", "missing": missing}, status=503, headers={"Retry-After": "5"}
        )
    return JsonResponse({"status": "ready"})


def _leaves() -> list[tuple[str, str]]:
    leaves: list[tuple[str, str]] = MigrationExecutor(connection).loader.graph.leaf_nodes()
    return leaves


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus figures, for whoever has the token; without one set, for this machine only."""
    token = settings.METRICS_TOKEN
    if token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        allowed = hmac.compare_digest(given.encode(), token.encode())
    else:
        allowed = request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"}
    if not allowed:
        return HttpResponse(status=404)
    response: HttpResponse = ExportToDjangoView(request)
    response.content += generate_latest(SHARED_FIGURES)
    return response
