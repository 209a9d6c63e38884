from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "smartqueue.outbox"

    def ready(self) -> None:
        """Show the outbox's figures beside the process's own."""
        from smartqueue.common.health import SHARED_FIGURES  # noqa: PLC0415  # apps are loaded now
        from smartqueue.outbox.figures import OutboxFigures  # noqa: PLC0415

        SHARED_FIGURES.register(OutboxFigures())
