"""Points on the earth; GEOS wants x before y, people say latitude first, so names are required."""

from django.contrib.gis.geos import Point

WGS84 = 4326


def point(*, lat: float, lon: float) -> Point:
    """
    Return a WGS 84 point from degrees.

    :raises ValueError: outside -90..90 or -180..180, or not a finite number
    """
    if not -90 <= lat <= 90:
        raise ValueError(f"latitude out of range: {lat}")
    if not -180 <= lon <= 180:
        raise ValueError(f"longitude out of range: {lon}")
    return Point(lon, lat, srid=WGS84)
