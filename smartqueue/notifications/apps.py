from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "smartqueue.notifications"

    def ready(self) -> None:
        """Register handlers and providers, and fill the port of accounts through which codes leave."""
        from smartqueue.accounts.ports import register_code_delivery  # noqa: PLC0415
        from smartqueue.notifications import checks  # noqa: F401, PLC0415
        from smartqueue.notifications.handlers import MessageDelivery  # noqa: PLC0415
        from smartqueue.notifications.providers import register_all  # noqa: PLC0415

        register_code_delivery(MessageDelivery())
        register_all()
