from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "smartqueue.webhooks"

    def ready(self) -> None:
        from smartqueue.webhooks import handlers  # noqa: F401, PLC0415
