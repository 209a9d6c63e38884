"""What the OpenAPI document says beyond the single views: general rules, names, examples."""

from typing import Any, Final

from config.openapi_examples import EXAMPLES

API_DESCRIPTION: Final = """\
Virtual tickets, calling and live screens for places where people wait.

**Who asks.** `Authorization: Bearer <access>` for people, `X-Ticket-Token` for the holder of a
ticket without an account, the session cookie for the pages.

**Language.** `Accept-Language`: fr (default), en or ar. Codes never change with it.

**Failures** are problem details (RFC 9457, `application/problem+json`); match on `code`. Besides
the codes that an operation names, any may answer `not_signed_in` (401: a credential is not valid),
`not_found` (404: unknown, or not yours to see), `method_not_allowed` (405), `not_acceptable` (406),
`busy` and `unavailable` (503, with `Retry-After`). A body can be refused as `malformed_body` or
`invalid_input` (400, `errors` names the fields) and `unsupported_media_type` (415).

**Second factors.** A sign-in of somebody who has one is answered by `mfa_required` (401) and goes on
at `/api/accounts/auth/mfa/`; a passkey signs in alone at `/api/accounts/auth/passkey/`. Where an
organization wants a second factor of its staff, any operation of theirs answers
`second_factor_required` (403) until one was added below `/api/accounts/factors/`.

**Doing things once.** Send an `Idempotency-Key` (a UUID) where it is listed: the same key and body
give the same answer again, another body with it gives 422, a running one 409.

**Lists** hold 20 rows a page; `page_size` up to 100. Times are ISO 8601 with an offset, durations
whole seconds unless the name says minutes, money `{"amount", "currency"}` in minor units.

**Live screens** use the WebSocket at `/ws/queue/{id}/`; see `docs/`.
"""

API_TAGS: Final = [
    {"name": "accounts", "description": "People: registration, sign-in, profiles."},
    {"name": "business", "description": "Organizations, branches, services, counters, members."},
    {"name": "queues", "description": "Queues and the tickets of the people in them."},
    {"name": "appointments", "description": "Slots, appointments and waitlists."},
    {"name": "agents", "description": "Sessions at a counter, and what agents are good at."},
    {"name": "locations", "description": "Communes of Senegal."},
    {"name": "notifications", "description": "Notifications, and messages that leave."},
    {
        "name": "dialogues",
        "description": "How places are reached by text message, USSD and missed call.",
    },
    {"name": "support", "description": "Questions and complaints, and their answers."},
    {
        "name": "webhooks",
        "description": "Addresses that are told of events; docs/patterns/webhooks.md.",
    },
]

SECURITY_SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token of `/api/accounts/auth/login/`.",
    },
    "ticketToken": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Ticket-Token",
        "description": "The `token` of a ticket, for its holder without an account.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "The cookie of the pages. Writing takes the `X-CSRFToken` header as well.",
    },
}

ENUM_NAMES: Final = {
    "AppointmentState": "smartqueue.appointments.enums.AppointmentState",
    "BookingChannel": "smartqueue.appointments.enums.BookingChannel",
    "CalendarFeedKind": "smartqueue.appointments.enums.FeedKind",
    "EndedBy": "smartqueue.appointments.enums.Side",
    "Punctuality": "smartqueue.appointments.enums.Punctuality",
    "QuestionKind": "smartqueue.appointments.enums.QuestionKind",
    "SlotExceptionKind": "smartqueue.appointments.enums.ExceptionKind",
    "WaitlistState": "smartqueue.appointments.enums.WaitlistState",
    "CaseCategory": "smartqueue.support.enums.CaseCategory",
    "CasePriority": "smartqueue.support.enums.CasePriority",
    "CaseState": "smartqueue.support.enums.CaseState",
    "Category": "smartqueue.business.enums.Category",
    "Channel": "smartqueue.accounts.enums.Channel",
    "BranchDeviceKind": "smartqueue.business.enums.DeviceKind",
    "DeviceKind": "smartqueue.accounts.enums.DeviceKind",
    "EntryKind": "smartqueue.audit.enums.EntryKind",
    "JoinChannel": "smartqueue.queues.enums.JoinChannel",
    "KeyKind": "smartqueue.accounts.enums.KeyKind",
    "Language": "smartqueue.accounts.enums.Language",
    "MemberStatus": ("active", "invited"),
    "MessageAttemptState": "smartqueue.notifications.enums.AttemptState",
    "MessageBatchState": "smartqueue.notifications.enums.BatchState",
    "MessageChannel": "smartqueue.notifications.enums.Channel",
    "MessageImportance": "smartqueue.notifications.enums.Importance",
    "MessageState": "smartqueue.notifications.enums.MessageState",
    "ProviderState": ("in_use", "left_alone"),
    "Policy": "smartqueue.queues.enums.Policy",
    "QueueState": "smartqueue.queues.enums.QueueState",
    "ReentryRule": "smartqueue.queues.enums.ReentryRule",
    "ReturnTo": ("first", "last"),
    "Role": "smartqueue.accounts.enums.Role",
    "SecondFactor": "smartqueue.accounts.enums.Method",
    "SessionState": "smartqueue.queues.enums.SessionState",
    "Side": "smartqueue.support.enums.Side",
    "SubjectType": "smartqueue.support.enums.SubjectType",
    "TicketState": "smartqueue.queues.enums.TicketState",
    "WebhookDisabledReason": "smartqueue.webhooks.enums.DisabledReason",
    "WebhookMessageState": "smartqueue.webhooks.enums.MessageState",
    "WebhookState": "smartqueue.webhooks.enums.EndpointState",
}


def add_examples(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Put the examples where their operations take bodies and give answers."""
    for methods in result["paths"].values():
        for operation in methods.values():
            example = EXAMPLES.get(operation["operationId"])
            if example is None:
                continue
            if example.body is not None:
                for content in operation["requestBody"]["content"].values():
                    content["example"] = example.body
            if example.answer is not None:
                answer = operation["responses"][str(example.status)]["content"]
                answer["application/json"]["example"] = example.answer
    return result


def add_webhooks(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say what is posted to an organization's own address; docs/patterns/webhooks.md."""
    from smartqueue.webhooks.catalogue import PING, PUBLIC  # noqa: PLC0415  # apps are loaded by now

    result["webhooks"] = {
        name: {
            "post": {
                "operationId": f"webhook_{name.replace('.', '_')}",
                "tags": ["webhooks"],
                "parameters": [
                    {"in": "header", "name": header, "required": True, "schema": {"type": "string"}}
                    for header in ("webhook-id", "webhook-timestamp", "webhook-signature")
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": _webhook_body(name)}},
                },
                "responses": {"204": {"description": "Accepted; any 2xx within ten seconds is."}},
            }
        }
        for name in (PING, *sorted(PUBLIC.values()))
    }
    return result


def _webhook_body(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", "version", "timestamp", "data"],
        "properties": {
            "type": {"const": name},
            "version": {"type": "integer"},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"type": "object", "additionalProperties": True},
        },
    }
