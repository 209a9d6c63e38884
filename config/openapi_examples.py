"""One example of the body and the answer of each call of the core flow, by operation."""

from dataclasses import dataclass
from typing import Any, Final

from config.openapi_appointments import APPOINTMENTS


@dataclass(frozen=True, slots=True)
class Example:
    """A body (None: the call takes none) and the answer to it (None: an empty one)."""

    body: Any = None
    answer: Any = None
    status: int = 200


_ORGANIZATION = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d01"
_BRANCH = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d02"
_SERVICE = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d03"
_COUNTER = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d04"
_QUEUE = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d05"
_OTHER_QUEUE = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d06"
_SESSION = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d07"
_TICKET = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d08"
_USER = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d09"
_AT = "2026-11-23T09:00:00+00:00"
_CALLED_AT = "2026-11-23T09:11:20+00:00"
_STARTED_AT = "2026-11-23T09:12:05+00:00"

_user = {
    "id": _USER,
    "email": "awa@example.sn",
    "phone": None,
    "first_name": "Awa",
    "last_name": "Ndiaye",
    "language": "fr",
}
_tokens = {"access": "eyJhbGciOiJFUzI1NiJ9...", "refresh": "AaIDDWhVetCODplBoer8uUNDGuow8AU4"}
_signed_in = {**_tokens, "user": {**_user, "is_platform_admin": False, "date_joined": _AT}}
_organization = {
    "id": _ORGANIZATION,
    "name": "Mairie de Mermoz",
    "slug": "mairie-de-mermoz",
    "category": "town_hall",
    "description": "",
    "description_fr": "",
    "description_en": "",
    "description_ar": "",
    "phone": "",
    "website": "",
    "created_at": _AT,
    "distance_metres": None,
}
_branch: dict[str, Any] = {
    "id": _BRANCH,
    "organization": _ORGANIZATION,
    "organization_name": "Mairie de Mermoz",
    "category": "town_hall",
    "name": "Guichet unique",
    "slug": "mairie-de-mermoz-guichet-unique",
    "point": {"lat": 14.7075, "lon": -17.4762},
    "address": "Mermoz, Dakar",
    "commune": None,
    "commune_name": None,
    "timezone": "Africa/Dakar",
    "country": "SN",
    "phone": "",
    "opening_hours": [],
    "is_open": False,
    "next_opening": None,
    "closing_time": None,
    "created_at": _AT,
    "distance_metres": None,
}
_service = {
    "id": _SERVICE,
    "organization": _ORGANIZATION,
    "name": "Extrait de naissance",
    "name_fr": "Extrait de naissance",
    "name_en": "",
    "name_ar": "",
    "description": "",
    "description_fr": "",
    "description_en": "",
    "description_ar": "",
    "required_papers": "",
    "required_papers_fr": "",
    "required_papers_en": "",
    "required_papers_ar": "",
    "duration_minutes": 8,
    "price": {"amount": 0, "currency": "XOF"},
    "languages": [],
    "created_at": _AT,
}
_queue = {
    "id": _QUEUE,
    "organization": _ORGANIZATION,
    "branch": _BRANCH,
    "name": "État civil",
    "prefix": "A",
    "services": [_SERVICE],
    "state": "closed",
    "state_reason": "",
    "policy": "head_start",
    "ordinary_per_priority": 3,
    "max_calls": 3,
    "no_show_grace_minutes": 15,
    "more_time_limit": 2,
    "daily_quota": None,
    "tickets_from": None,
    "max_waiting": None,
    "follows_opening_hours": False,
    "asks_vehicle": False,
    "waiting_count": 0,
    "open_counters": 0,
    "version": 0,
}
_waiting = {
    "id": _TICKET,
    "number": "A042",
    "state": "waiting",
    "queue": _QUEUE,
    "service": _SERVICE,
    "priority": "ordinary",
    "channel": "api",
    "counter": None,
    "call_reason": None,
    "calls": 0,
    "joined_at": _AT,
    "called_at": None,
    "started_at": None,
    "ended_at": None,
    "returns_on": None,
    "version": 1,
    "position": 3,
    "people_ahead": 2,
    "estimate": {"low": 300, "median": 660, "high": 1080},
}
_token = {"token": "AaIDDWhVetCODplBoer8uUNDGuow8AU4YRollw"}
_called = {
    **_waiting,
    "state": "called",
    "counter": "2",
    "call_reason": {"code": "first_in_line", "priority": "ordinary", "waited_seconds": 680},
    "calls": 1,
    "called_at": _CALLED_AT,
    "version": 2,
    "position": None,
    "people_ahead": None,
    "estimate": None,
}
_serving = {**_called, "state": "serving", "started_at": _STARTED_AT, "version": 3}
_back = {**_waiting, "calls": 1, "called_at": _CALLED_AT, "version": 3}
_ended = {**_called, "ended_at": _STARTED_AT, "version": 3}
_session = {
    "id": _SESSION,
    "counter": _COUNTER,
    "counter_name": "2",
    "branch": _BRANCH,
    "agent": _USER,
    "queues": [_QUEUE],
    "state": "open",
    "started_at": _AT,
    "ended_at": None,
}
_shown = {"ticket": _TICKET, "number": "A041", "counter": "2", "state": "serving", "called_at": _AT}
_status = {
    "queue": _QUEUE,
    "state": "open",
    "version": 97,
    "waiting_count": 3,
    "open_counters": 2,
    "now_serving": [_shown],
    "last_called": [_shown],
    "estimate": {"low": 480, "median": 900, "high": 1500},
    "updated_at": _AT,
}

_message = {
    "id": "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d0a",
    "organization": _ORGANIZATION,
    "batch": None,
    "fallback_of": None,
    "template": "by_hand",
    "importance": "normal",
    "state": "queued",
    "reason": "",
    "segments": 1,
    "cost_minor": 0,
    "provider": "",
    "attempts": 0,
    "created_at": _AT,
    "sent_at": None,
    "ended_at": None,
    "expires_at": "2026-11-23T21:00:00+00:00",
}

EXAMPLES: Final[dict[str, Example]] = {
    "accounts_auth_register": Example(
        {
            "email": "awa@example.sn",
            "password": "thiof-et-riz-27",
            "first_name": "Awa",
            "last_name": "Ndiaye",
        },
        {"user": _user, "verification": {"channel": "email", "expires_at": _AT}},
        201,
    ),
    "accounts_auth_verify": Example({"identifier": "awa@example.sn", "code": "482913"}, _signed_in),
    "accounts_auth_login": Example(
        {"identifier": "awa@example.sn", "password": "thiof-et-riz-27"}, _signed_in
    ),
    "accounts_auth_refresh": Example({"refresh": _tokens["refresh"]}, _tokens),
    "accounts_auth_logout": Example({"refresh": _tokens["refresh"]}),
    "accounts_auth_socket_ticket": Example(
        answer={"ticket": "AaIDDWkCeQakSQFvHmkkA_oukMK2pWS4a71v", "expires_in": 30}
    ),
    "business_organizations_create": Example(
        {"name": "Mairie de Mermoz", "category": "town_hall"}, _organization, 201
    ),
    "business_branches_create": Example(
        {
            "organization": _ORGANIZATION,
            "name": "Guichet unique",
            "point": {"lat": 14.7075, "lon": -17.4762},
            "address": "Mermoz, Dakar",
            "timezone": "Africa/Dakar",
        },
        _branch,
        201,
    ),
    "business_services_create": Example(
        {"organization": _ORGANIZATION, "name": "Extrait de naissance", "duration_minutes": 8},
        _service,
        201,
    ),
    "business_counters_create": Example(
        {"branch": _BRANCH, "name": "2"},
        {
            "id": _COUNTER,
            "branch": _BRANCH,
            "organization": _ORGANIZATION,
            "name": "2",
            "created_at": _AT,
        },
        201,
    ),
    "business_members_create": Example(
        {"organization": _ORGANIZATION, "identifier": "moussa@example.sn", "role": "agent"},
        {
            "id": _USER,
            "organization": _ORGANIZATION,
            "role": "agent",
            "branches": [],
            "created_at": _AT,
            "status": "invited",
            "identifier": "moussa@example.sn",
            "user": None,
            "expires_at": "2026-12-07T09:00:00+00:00",
        },
        201,
    ),
    "queues_queues_create": Example(
        {"branch": _BRANCH, "name": "État civil", "prefix": "A", "services": [_SERVICE]},
        _queue,
        201,
    ),
    "queues_queues_open": Example({}, {**_queue, "state": "open", "version": 1}),
    "queues_queues_pause": Example(
        {"reason": "Coupure de courant"},
        {**_queue, "state": "paused", "state_reason": "Coupure de courant", "version": 98},
    ),
    "queues_queues_close": Example({}, {**_queue, "version": 99}),
    "queues_queues_status_retrieve": Example(answer=_status),
    "queues_queues_call_next": Example({"session": _SESSION}, _called),
    "queues_tickets_create": Example(
        {
            "queue": _QUEUE,
            "service": _SERVICE,
            "customer_name": "Fatou Sarr",
            "phone": "+221771234567",
        },
        {**_waiting, **_token},
        201,
    ),
    "queues_tickets_retrieve": Example(answer={**_waiting, **_token}),
    "queues_tickets_more_time": Example(
        {"people": 3}, {**_waiting, **_token, "position": 6, "people_ahead": 5, "version": 2}
    ),
    "queues_tickets_cancel": Example(
        {"reason": "Trop long"}, {**_ended, **_token, "state": "cancelled"}
    ),
    "queues_tickets_call": Example({"session": _SESSION}, _called),
    "queues_tickets_recall": Example(answer={**_called, "calls": 2, "version": 3}),
    "queues_tickets_start": Example(answer=_serving),
    "queues_tickets_complete": Example(
        {"outcome": "remis"}, {**_ended, "state": "completed", "started_at": _CALLED_AT}
    ),
    "queues_tickets_no_show": Example(answer={**_ended, "state": "no_show"}),
    "queues_tickets_park": Example({"reason": "Papier manquant"}, {**_called, "state": "parked"}),
    "queues_tickets_resume": Example(answer=_back),
    "queues_tickets_return": Example({"to": "first"}, _back),
    "queues_tickets_transfer": Example({"queue": _OTHER_QUEUE}, {**_back, "queue": _OTHER_QUEUE}),
    "queues_tickets_undo": Example(answer=_back),
    "agents_sessions_create": Example({"counter": _COUNTER}, _session, 201),
    "agents_sessions_break": Example(answer={**_session, "state": "on_break"}),
    "agents_sessions_resume": Example(answer=_session),
    "agents_sessions_end": Example(answer={**_session, "state": "ended", "ended_at": _CALLED_AT}),
    "agents_sessions_call_next": Example(answer=_called),
    "notifications_send_sms_create": Example(
        {
            "organization": _ORGANIZATION,
            "phone": "+221771234567",
            "text": "Votre dossier est prêt.",
        },
        {**_message, "channel": "sms", "recipient": "+221771234567"},
        202,
    ),
    "notifications_send_email": Example(
        {
            "organization": _ORGANIZATION,
            "email": "awa@example.sn",
            "subject": "Votre dossier",
            "text": "Votre dossier est prêt.",
        },
        {**_message, "channel": "email", "recipient": "awa@example.sn"},
        202,
    ),
    "notifications_sms_providers_list": Example(
        None,
        {
            "count": 1,
            "next": None,
            "previous": None,
            "results": [
                {
                    "name": "orange_sms",
                    "state": "in_use",
                    "balance_units": 4210,
                    "balance_minor": None,
                    "currency": "",
                    "balance_at": _AT,
                    "is_balance_low": False,
                    "sent": 812,
                    "delivered": 790,
                    "failed": 9,
                    "delivery_rate": 0.989,
                }
            ],
        },
    ),
    **{name: Example(*row) for name, row in APPOINTMENTS.items()},
}
