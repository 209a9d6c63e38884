from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "smartqueue.realtime"

    def ready(self) -> None:
        """Register the reactions."""
        from smartqueue.realtime import handlers  # noqa: F401, PLC0415  # apps are loaded now
