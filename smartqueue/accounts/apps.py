from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "smartqueue.accounts"

    def ready(self) -> None:
        from smartqueue.accounts import handlers  # noqa: F401, PLC0415  # registers itself
