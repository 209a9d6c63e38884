from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "smartqueue.accounts"

    def ready(self) -> None:
        from smartqueue.accounts import handlers, queries  # noqa: F401, PLC0415  # handlers register themselves
        from smartqueue.accounts.actor import register_factor_check  # noqa: PLC0415

        register_factor_check(queries.has_second_factor)
