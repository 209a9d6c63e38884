from django.apps import AppConfig


class SupportConfig(AppConfig):
    name = "smartqueue.support"

    def ready(self) -> None:
        from smartqueue.support import handlers  # noqa: F401, PLC0415
