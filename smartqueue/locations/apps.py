from django.apps import AppConfig


class LocationsConfig(AppConfig):
    name = "smartqueue.locations"
