from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "smartqueue.analytics"

    def ready(self) -> None:
        """Register the words of the digest."""
        from smartqueue.analytics import digest  # noqa: F401, PLC0415
