from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "smartqueue.privacy"

    def ready(self) -> None:
        from smartqueue.accounts.ports import register_erasure_step  # noqa: PLC0415
        from smartqueue.privacy import handlers, operations  # noqa: F401, PLC0415

        register_erasure_step(operations.prepare_erasure)
