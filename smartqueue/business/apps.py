from django.apps import AppConfig


class BusinessConfig(AppConfig):
    name = "smartqueue.business"

    def ready(self) -> None:
        from smartqueue.accounts.actor import register_membership_resolver  # noqa: PLC0415
        from smartqueue.business import handlers, queries  # noqa: F401, PLC0415

        register_membership_resolver(queries.memberships_of)
