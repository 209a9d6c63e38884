from django.apps import AppConfig


class SupportConfig(AppConfig):
    name = "smartqueue.support"

    def ready(self) -> None:
        from smartqueue.accounts.ports import register_erasure_step  # noqa: PLC0415
        from smartqueue.support import handlers  # noqa: PLC0415

        register_erasure_step(handlers.forget_before_erasure)
