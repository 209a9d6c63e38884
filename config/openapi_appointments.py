"""Examples of the calls of appointments: by operation, body, answer and status."""

from typing import Any, Final

_ORGANIZATION = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d01"
_BRANCH = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d02"
_SERVICE = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d03"
_OTHER_SERVICE = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d13"
_QUEUE = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d05"
_TICKET = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d08"
_AGENT = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d09"
_SLOT = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d20"
_EXCEPTION = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d21"
_APPOINTMENT = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d22"
_SERIES = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d23"
_ENTRY = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d24"
_OTHERS = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d25"
_TOKEN = "AqmV1rTl3UqQY7o0y0N2rQ"  # noqa: S105  # of nothing
_NOW = "2026-11-23T09:00:00+00:00"
_AT, _ENDS = "2026-11-24T09:00:00+00:00", "2026-11-24T09:30:00+00:00"
_LATER, _LATER_ENDS = "2026-11-26T10:30:00+00:00", "2026-11-26T11:00:00+00:00"

_slot: dict[str, Any] = {
    "id": _SLOT,
    "organization": _ORGANIZATION,
    "branch": _BRANCH,
    "service": _SERVICE,
    "agent": None,
    "day_of_week": 1,
    "start": "09:00:00",
    "end": "17:00:00",
    "interval_minutes": 30,
    "capacity": 3,
    "public_capacity": 2,
    "weeks_of_month": [],
    "valid_from": "2026-11-23",
    "valid_until": None,
    "version": 1,
}
_slot_changes = {
    "day_of_week": 1,
    "start": "09:00:00",
    "end": "17:00:00",
    "interval_minutes": 30,
    "capacity": 3,
    "public_capacity": 2,
}
_exception: dict[str, Any] = {
    "id": _EXCEPTION,
    "organization": _ORGANIZATION,
    "branch": _BRANCH,
    "service": None,
    "date": "2026-12-04",
    "kind": "close",
    "start": "14:00:00",
    "end": "17:00:00",
    "interval_minutes": None,
    "capacity": None,
    "public_capacity": None,
    "reason": "Formation",
    "version": 1,
}
_rules: dict[str, Any] = {
    "service": _SERVICE,
    "is_bookable": True,
    "allows_anonymous": True,
    "needs_approval": False,
    "buffer_before_minutes": 0,
    "buffer_after_minutes": 5,
    "lead_minutes": 60,
    "window_days": 60,
    "most_people": 4,
    "most_per_day": 1,
    "most_ahead": 5,
    "hold_seconds": 300,
    "cancel_until_minutes": 0,
    "move_until_minutes": 60,
    "most_moves": 5,
    "resale_delay_minutes": 15,
    "offer_minutes": 30,
    "early_minutes": 30,
    "late_minutes": 10,
    "head_start_minutes": 25,
    "no_show_limit": 3,
    "no_show_days": 90,
    "reminder_minutes": [1440, 120],
    "questions": [
        {
            "code": "motif",
            "label": "Pour quel motif ?",
            "kind": "choice",
            "choices": ["Première demande", "Renouvellement"],
            "is_required": True,
        }
    ],
    "version": 2,
}
_free = {
    "service": _SERVICE,
    "branch": _BRANCH,
    "agent": None,
    "starts_at": _AT,
    "ends_at": _ENDS,
    "free": 2,
}
_appointment: dict[str, Any] = {
    "id": _APPOINTMENT,
    "reference": "K7M2PX9D",
    "state": "confirmed",
    "service": _SERVICE,
    "service_name": "Passeport",
    "branch": _BRANCH,
    "branch_name": "Guichet unique",
    "agent": None,
    "starts_at": _AT,
    "ends_at": _ENDS,
    "people": 1,
    "customer_name": "Fatou Sarr",
    "phone": "+221771234567",
    "answers": {"motif": "Renouvellement"},
    "held_until": None,
    "visit": None,
    "series": None,
    "moves": 0,
    "moved_from": None,
    "checked_in_at": None,
    "punctuality": "",
    "attendance_at": None,
    "ticket": None,
    "ticket_number": None,
    "uid": f"{_APPOINTMENT}@appointments.smartqueue",
    "sequence": 0,
    "version": 2,
}
_own = {**_appointment, "token": _TOKEN}
_seen_by_staff = {
    **_appointment,
    "channel": "web",
    "note": "",
    "ended_by": "",
    "end_reason": "",
}
_held = {
    **_own,
    "state": "held",
    "customer_name": "",
    "phone": "",
    "answers": {},
    "held_until": "2026-11-23T09:05:00+00:00",
    "version": 1,
}
_arrived = {
    **_own,
    "state": "checked_in",
    "checked_in_at": "2026-11-24T08:52:00+00:00",
    "punctuality": "early",
    "ticket": _TICKET,
    "ticket_number": "A012",
    "version": 3,
}
_cancelled = {**_own, "state": "cancelled", "sequence": 1, "version": 3}
_person = {
    "customer_name": "Fatou Sarr",
    "phone": "+221771234567",
    "answers": {"motif": "Renouvellement"},
}
_wish = {"service": _SERVICE, "branch": _BRANCH, "starts_at": _AT}
_entry: dict[str, Any] = {
    "id": _ENTRY,
    "state": "waiting",
    "service": _SERVICE,
    "branch": _BRANCH,
    "from_date": "2026-11-24",
    "until_date": "2026-11-28",
    "from_time": "09:00",
    "until_time": "12:00",
    "people": 1,
    "created_at": _NOW,
    "offer": None,
}
_offered = {
    **_entry,
    "state": "offered",
    "offer": {
        "appointment": _APPOINTMENT,
        "starts_at": _AT,
        "expires_at": "2026-11-23T09:30:00+00:00",
    },
}
_absence: dict[str, Any] = {
    "id": _OTHERS,
    "agent": _AGENT,
    "starts_at": "2026-12-21T08:00:00Z",
    "ends_at": "2027-01-04T08:00:00Z",
    "reason": "Congé",
}
_feed: dict[str, Any] = {
    "id": _OTHERS,
    "kind": "person",
    "branch": None,
    "name": "",
    "created_at": _NOW,
    "last_fetched_at": None,
}
_busy: dict[str, Any] = {
    "id": _OTHERS,
    "organization": _ORGANIZATION,
    "agent": _AGENT,
    "branch": None,
    "service": None,
    "name": "Agenda",
    "host": "calendar.example",
    "created_at": _NOW,
    "fetched_at": None,
    "read_at": None,
    "next_fetch_at": _NOW,
    "error": "",
    "error_text": "",
}


def _page(row: dict[str, Any]) -> dict[str, Any]:
    return {"count": 1, "next": None, "previous": None, "results": [row]}


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


Row = tuple[Any, Any, int]

APPOINTMENTS: Final[dict[str, Row]] = {
    "appointments_appointment_slots_list": (None, _page(_slot), 200),
    "appointments_appointment_slots_create": (
        {"branch": _BRANCH, "service": _SERVICE, **_slot_changes},
        _slot,
        201,
    ),
    "appointments_appointment_slots_retrieve": (None, _slot, 200),
    "appointments_appointment_slots_update": (
        {**_slot_changes, "end": "16:00:00"},
        {**_slot, "end": "16:00:00", "version": 2},
        200,
    ),
    "appointments_appointment_slots_partial_update": (
        {"weeks_of_month": [1, -1]},
        {**_slot, "weeks_of_month": [1, -1], "version": 2},
        200,
    ),
    "appointments_appointment_slots_generate": (
        {"branch": _BRANCH, "service": _SERVICE, "capacity": 3, "public_capacity": 2},
        {"slots": [_slot]},
        200,
    ),
    "appointments_slot_exceptions_list": (None, _page(_exception), 200),
    "appointments_slot_exceptions_create": (
        {
            "branch": _BRANCH,
            "date": "2026-12-04",
            "kind": "close",
            "start": "14:00:00",
            "end": "17:00:00",
            "reason": "Formation",
        },
        _exception,
        201,
    ),
    "appointments_slot_exceptions_update": (
        {"date": "2026-12-04", "kind": "close"},
        {**_exception, "start": None, "end": None, "version": 2},
        200,
    ),
    "appointments_slot_exceptions_partial_update": (
        {"reason": "Fête"},
        {**_exception, "reason": "Fête", "version": 2},
        200,
    ),
    "appointments_booking_rules_retrieve": (None, _rules, 200),
    "appointments_booking_rules_update": (_without(_rules, "service", "version"), _rules, 200),
    "appointments_booking_rules_partial_update": (
        {"reminder_minutes": [1440, 120]},
        _rules,
        200,
    ),
    "appointments_available_slots_list": (None, _page(_free), 200),
    "appointments_my_appointments_list": (None, _page(_own), 200),
    "appointments_appointments_list": (None, _page(_seen_by_staff), 200),
    "appointments_appointments_create": ({**_wish, "hold": True}, _held, 201),
    "appointments_appointments_retrieve": (None, _own, 200),
    "appointments_appointments_update": (
        {"starts_at": _LATER},
        {
            **_own,
            "starts_at": _LATER,
            "ends_at": _LATER_ENDS,
            "moves": 1,
            "moved_from": _AT,
            "sequence": 1,
            "version": 3,
        },
        200,
    ),
    "appointments_appointments_destroy": (None, _cancelled, 200),
    "appointments_appointments_code": (
        {"phone": "+221771234567"},
        {"expires_at": "2026-11-23T09:10:00+00:00"},
        202,
    ),
    "appointments_appointments_verify": ({"code": "123456"}, None, 204),
    "appointments_appointments_confirm": (_person, _own, 200),
    "appointments_appointments_attendance": (
        None,
        {**_own, "attendance_at": "2026-11-23T18:20:00+00:00", "version": 3},
        200,
    ),
    "appointments_appointments_approve": (None, {**_seen_by_staff, "sequence": 1}, 200),
    "appointments_appointments_decline": (
        {"reason": "Dossier incomplet"},
        {
            **_seen_by_staff,
            "state": "cancelled",
            "ended_by": "staff",
            "end_reason": "Dossier incomplet",
            "sequence": 1,
        },
        200,
    ),
    "appointments_appointments_cancel": ({"reason": "Empêchement"}, _cancelled, 200),
    "appointments_appointments_cancel_following": (
        {"reason": "Guérie"},
        {"appointments": [{**_cancelled, "series": _SERIES}]},
        200,
    ),
    "appointments_appointments_check_in": ({"queue": _QUEUE}, _arrived, 200),
    "appointments_appointments_no_show": (
        None,
        {**_seen_by_staff, "state": "no_show", "ended_by": "staff", "version": 3},
        200,
    ),
    "appointments_check_in": (
        {"branch": _BRANCH, "code": "K7M2PX9D"},
        {**_without(_arrived, "token"), "phone": "", "answers": {}},
        200,
    ),
    "appointments_visits_create": (
        {
            "wishes": [
                _wish,
                {**_wish, "service": _OTHER_SERVICE, "starts_at": "2026-11-24T10:00:00Z"},
            ],
            **_person,
        },
        {"appointments": [{**_appointment, "visit": _SERIES}]},
        201,
    ),
    "appointments_series_create": (
        {**_wish, **_person, "every_days": 7, "times": 4},
        {"appointments": [{**_appointment, "series": _SERIES}]},
        201,
    ),
    "appointments_waitlist_list": (None, _page(_offered), 200),
    "appointments_waitlist": (
        {
            "service": _SERVICE,
            "branch": _BRANCH,
            "from_date": "2026-11-24",
            "until_date": "2026-11-28",
            "from_time": "09:00:00",
            "until_time": "12:00:00",
            "phone": "+221771234567",
        },
        {**_entry, "token": _TOKEN},
        201,
    ),
    "appointments_waitlist_retrieve": (None, _offered, 200),
    "appointments_waitlist_destroy": (None, {**_entry, "state": "left"}, 200),
    "appointments_waitlist_accept": (_person, {**_own, "version": 2}, 200),
    "appointments_waitlist_decline": (None, _entry, 200),
    "appointments_absences_list": (None, _page(_absence), 200),
    "appointments_absences_create": (
        {"organization": _ORGANIZATION, **_without(_absence, "id")},
        _absence,
        201,
    ),
    "appointments_calendar_feeds_list": (None, _page(_feed), 200),
    "appointments_calendar_feeds_create": (
        {"kind": "person"},
        {**_feed, "url": f"https://smartqueue.example/calendar/{_TOKEN}.ics"},
        201,
    ),
    "appointments_busy_calendars_list": (None, _page(_busy), 200),
    "appointments_busy_calendars_create": (
        {
            "organization": _ORGANIZATION,
            "agent": _AGENT,
            "url": "https://calendar.example/private-abc/basic.ics",
            "name": "Agenda",
        },
        _busy,
        201,
    ),
    "appointments_busy_calendars_refresh": (None, _busy, 200),
}
