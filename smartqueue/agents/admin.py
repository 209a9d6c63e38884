from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from smartqueue.agents import operations
from smartqueue.agents.models import Skill
from smartqueue.business.admin import ReadingAdmin, for_each


@admin.register(Skill)
class SkillAdmin(ReadingAdmin):
    list_display = ["user", "service", "weight", "organization"]
    list_select_related = ["user", "service", "organization"]
    search_fields = ["user__email", "user__last_name", "organization__name"]
    actions = ["remove"]

    @admin.action(description=_("Make the service ordinary again"), permissions=["view"])
    def remove(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for_each(operations.remove_skill, "skill_id")(self, request, queryset)
