from django.urls import URLPattern, URLResolver, path, register_converter

from smartqueue.locations.interfaces import rest


class CodeConverter:
    """An ANSD code such as SN-DK-DD1-2."""

    regex = r"[A-Z0-9-]{2,20}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(CodeConverter, "commune_code")

urlpatterns: list[URLPattern | URLResolver] = [
    path("communes/", rest.CommuneListView.as_view(), name="communes"),
    path("communes/<commune_code:code>/", rest.CommuneView.as_view(), name="commune"),
]
