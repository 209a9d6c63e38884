from django.apps import AppConfig


class IdempotencyConfig(AppConfig):
    name = "smartqueue.idempotency"
