from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "smartqueue.privacy"

    def ready(self) -> None:
        from smartqueue.privacy import handlers  # noqa: F401, PLC0415 - registers the handlers
