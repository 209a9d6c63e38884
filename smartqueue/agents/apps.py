from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "smartqueue.agents"

    def ready(self) -> None:
        from smartqueue.agents import handlers  # noqa: F401, PLC0415
