from django.contrib import admin
from django.http import HttpRequest

from smartqueue.locations.models import Commune


@admin.register(Commune)
class CommuneAdmin(admin.ModelAdmin[Commune]):
    """Reference data: it changes by loading the table again."""

    list_display = ["name", "code", "department", "region", "population"]
    list_filter = ["region"]
    search_fields = ["name", "code"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Commune | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Commune | None = None) -> bool:
        return False
