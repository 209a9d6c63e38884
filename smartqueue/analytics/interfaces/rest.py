"""REST of analytics: parse, one call, answer."""

from datetime import date, timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from smartqueue.analytics import operations, queries
from smartqueue.analytics.interfaces import serializers as forms
from smartqueue.analytics.models import WaitAccuracy
from smartqueue.common import tenancy
from smartqueue.common.rest.forms import read
from smartqueue.common.rest.views import ApiListView, ApiRequest
from smartqueue.idempotency.rest import idempotent
from smartqueue.queues.policies import queues_managed_by

SHOWN: dict[str, dict[str, bool]] = {
    "joining": {"at_joining": True},
    "waiting": {"at_joining": False},
    "all": {},
}


class WaitAccuracyView(ApiListView):
    queryset = WaitAccuracy.objects.none()
    filter_backends = []

    @extend_schema(
        parameters=[forms.WaitAccuracyQuery], responses=forms.WaitAccuracyOutput(many=True)
    )
    def get(self, request: ApiRequest) -> Response:
        """Say how right the shown waits were, per queue and week, newest first."""
        asked = forms.WaitAccuracyQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        names = {"queue": "pk", "branch": "branch_id", "organization": "organization_id"}
        only = {column: values[name] for name, column in names.items() if name in values}
        queues = queues_managed_by(request.actor).filter(**only)
        with tenancy.organizations(queries.organizations_of(queues)):
            rows = _within(queries.list_accuracy(queues), values)
            page = self.paginate_queryset(queries.list_weeks(rows)) or []
            return self.get_paginated_response(queries.with_accuracy(page, rows))

    @extend_schema(request=forms.CountInput, responses=forms.CountedOutput)
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Count a queue's last weeks anew, now and not only at night."""
        rows = operations.count_wait_accuracy(
            actor=request.actor, queue_id=read(forms.CountInput, request)["queue"], now=request.now
        )
        return Response({"rows": rows})


def _within(rows: "QuerySet[WaitAccuracy]", asked: dict[str, Any]) -> "QuerySet[WaitAccuracy]":
    rows = rows.filter(**SHOWN[asked["shown"]])
    if "since" in asked:
        rows = rows.filter(week__gte=_monday(asked["since"]))
    if "until" in asked:
        rows = rows.filter(week__lte=_monday(asked["until"]))
    return rows


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
