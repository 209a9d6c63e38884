from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "smartqueue.notifications"

    def ready(self) -> None:
        """Register handlers, and fill the port of accounts through which codes leave."""
        from smartqueue.accounts.ports import register_code_delivery  # noqa: PLC0415
        from smartqueue.notifications.handlers import MessageDelivery  # noqa: PLC0415
        from smartqueue.notifications.providers.email import provider as email  # noqa: PLC0415

        register_code_delivery(MessageDelivery())
        email.register()
