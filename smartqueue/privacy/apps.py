from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "smartqueue.privacy"

    def ready(self) -> None:
        from smartqueue.accounts.ports import register_erasure_step  # noqa: PLC0415
        from smartqueue.business.ports import register_retention_periods  # noqa: PLC0415
        from smartqueue.business.queries import shortened_retention  # noqa: PLC0415
        from smartqueue.privacy import handlers, operations, ports, retention  # noqa: F401, PLC0415

        register_erasure_step(operations.prepare_erasure)
        register_retention_periods(retention.shortenable_days)
        ports.register_retention_source(shortened_retention)
