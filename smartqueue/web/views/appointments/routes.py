"""Addresses of the staff's pages of appointments."""

from django.urls import URLPattern, path

from smartqueue.web.views.appointments import (
    absences,
    agents,
    board,
    dates,
    feeds,
    rules,
    slots,
    weeks,
)

urlpatterns: list[URLPattern] = [
    path(
        "manage/branches/<uuid:branch_id>/appointments/",
        board.day,
        name="manage-appointments",
    ),
    path(
        "manage/branches/<uuid:branch_id>/appointments/part/",
        board.part,
        name="manage-appointments-part",
    ),
    path(
        "manage/branches/<uuid:branch_id>/appointments/week/",
        weeks.week,
        name="manage-appointments-week",
    ),
    path(
        "manage/branches/<uuid:branch_id>/appointments/agents/",
        weeks.agents,
        name="manage-appointments-agents",
    ),
    path(
        "manage/branches/<uuid:branch_id>/agents/<uuid:agent_id>/",
        agents.calendar,
        name="manage-agent-calendar",
    ),
    path("manage/branches/<uuid:branch_id>/calendars/", feeds.overview, name="manage-calendars"),
    path(
        "manage/branches/<uuid:branch_id>/calendars/feeds/",
        feeds.make_feed,
        name="manage-feeds",
    ),
    path(
        "manage/branches/<uuid:branch_id>/calendars/feeds/<uuid:feed_id>/<str:action>/",
        feeds.change_feed,
        name="manage-feed",
    ),
    path(
        "manage/branches/<uuid:branch_id>/calendars/<uuid:calendar_id>/<str:action>/",
        feeds.change_busy,
        name="manage-busy-calendar",
    ),
    path(
        "manage/branches/<uuid:branch_id>/appointments/<uuid:appointment_id>/free/",
        weeks.free,
        name="manage-appointment-free",
    ),
    path(
        "manage/branches/<uuid:branch_id>/appointments/<uuid:appointment_id>/move/",
        weeks.move,
        name="manage-appointment-move",
    ),
    path(
        "manage/branches/<uuid:branch_id>/appointments/<uuid:appointment_id>/<str:action>/",
        board.action,
        name="manage-appointment",
    ),
    path("manage/branches/<uuid:branch_id>/slots/", slots.slots, name="manage-slots"),
    path(
        "manage/branches/<uuid:branch_id>/slots/generate/",
        slots.generate,
        name="manage-slots-generate",
    ),
    path(
        "manage/branches/<uuid:branch_id>/slots/<uuid:slot_id>/<str:action>/",
        slots.slot_action,
        name="manage-slot",
    ),
    path("manage/branches/<uuid:branch_id>/dates/", dates.dates, name="manage-dates"),
    path(
        "manage/branches/<uuid:branch_id>/dates/<uuid:exception_id>/remove/",
        dates.remove_date,
        name="manage-date-remove",
    ),
    path(
        "manage/branches/<uuid:branch_id>/absences/",
        absences.absences,
        name="manage-absences",
    ),
    path(
        "manage/branches/<uuid:branch_id>/absences/<uuid:absence_id>/remove/",
        absences.remove_absence,
        name="manage-absence-remove",
    ),
    path(
        "manage/branches/<uuid:branch_id>/booking-rules/<uuid:service_id>/",
        rules.rules,
        name="manage-booking-rules",
    ),
]
