from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "smartqueue.notifications"

    def ready(self) -> None:
        """Register handlers and providers, and fill the ports of codes and of binds."""
        from smartqueue.accounts.ports import register_code_delivery  # noqa: PLC0415
        from smartqueue.notifications import checks  # noqa: F401, PLC0415
        from smartqueue.notifications.handlers import MessageDelivery  # noqa: PLC0415
        from smartqueue.notifications.providers import register_all  # noqa: PLC0415
        from smartqueue.notifications.providers.base import Sinks, register_sinks  # noqa: PLC0415
        from smartqueue.notifications.providers.email import provider as email  # noqa: PLC0415
        from smartqueue.notifications.tasks import take_receipt, take_text  # noqa: PLC0415

        register_code_delivery(MessageDelivery())
        register_all()
        email.register()
        register_sinks(Sinks(receipt=take_receipt, text=take_text))
