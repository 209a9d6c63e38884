from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "smartqueue.analytics"
