from typing import Any

import django_filters
from django.db.models import QuerySet

from smartqueue.support.enums import CaseCategory, CasePriority, CaseState
from smartqueue.support.models import SupportCase


class CaseFilter(django_filters.FilterSet):
    state = django_filters.MultipleChoiceFilter(choices=CaseState.choices)
    is_settled = django_filters.BooleanFilter(
        field_name="settled_at", lookup_expr="isnull", exclude=True
    )
    category = django_filters.MultipleChoiceFilter(choices=CaseCategory.choices)
    priority = django_filters.MultipleChoiceFilter(choices=CasePriority.choices)
    organization = django_filters.UUIDFilter(field_name="organization_id")
    branch = django_filters.UUIDFilter(field_name="branch_id")
    assignee = django_filters.UUIDFilter(field_name="assignee_id")
    is_assigned = django_filters.BooleanFilter(
        field_name="assignee", lookup_expr="isnull", exclude=True
    )
    mine = django_filters.BooleanFilter(
        method="filter_mine", label="Whether the caller is the person."
    )
    ordering = django_filters.OrderingFilter(fields=("changed_at", "opened_at"))

    class Meta:
        model = SupportCase
        fields: tuple[str, ...] = ()

    def filter_mine(
        self, rows: "QuerySet[SupportCase]", _name: str, is_mine: bool
    ) -> "QuerySet[SupportCase]":
        """Keep the caller's own, or those of others."""
        actor: Any = self.request.actor
        if actor.ticket_id is not None:
            return rows if is_mine else rows.none()
        own = {"person": actor.user_id}
        return rows.filter(**own) if is_mine else rows.exclude(**own)
