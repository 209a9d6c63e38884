from django.urls import path

from smartqueue.appointments.interfaces import calendars

BUSY = "busy-calendars/<uuid:calendar_id>/"

urlpatterns = [
    path("calendar-feeds/", calendars.FeedListView.as_view(), name="calendar-feed-list"),
    path("calendar-feeds/<uuid:feed_id>/", calendars.FeedView.as_view(), name="calendar-feed"),
    path("busy-calendars/", calendars.BusyCalendarListView.as_view(), name="busy-calendar-list"),
    path(BUSY, calendars.BusyCalendarView.as_view(), name="busy-calendar"),
    path(
        BUSY + "refresh/",
        calendars.RefreshBusyCalendarView.as_view(),
        name="busy-calendar-refresh",
    ),
]
