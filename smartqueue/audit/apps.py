from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "smartqueue.audit"

    def ready(self) -> None:
        """Put the triggers on every tracked table whenever the schema has been migrated."""
        from smartqueue.audit import database  # noqa: PLC0415  # apps are loaded now

        post_migrate.connect(database.install_after_migrate, sender=self)
