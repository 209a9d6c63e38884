"""Two organizations with one of everything, the people around them, and a request for every path."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from smartqueue.accounts import operations as accounts
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.device import Device
from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import (
    LONG_WAIT,
    SHORT_WAIT,
    AccountAccess,
    ContactChange,
    FactorReset,
    Passkey,
    User,
)
from smartqueue.accounts.tests.factories import give_passkey
from smartqueue.agents.models import Skill
from smartqueue.analytics.models import WaitAccuracy
from smartqueue.analytics.operations import SUMS
from smartqueue.appointments import operations as appointments
from smartqueue.appointments.enums import FeedKind
from smartqueue.appointments.tests import factories as bookings
from smartqueue.appointments.tokens import token_of as token_of_appointment
from smartqueue.appointments.tokens import token_of_entry
from smartqueue.business import operations as business
from smartqueue.business.enums import DeviceKind
from smartqueue.business.models import (
    BranchCredential,
    HolidayOverride,
    Invitation,
    Membership,
    OpeningException,
    SupportAccess,
)
from smartqueue.business.tests.factories import commune, let_join_earlier
from smartqueue.common import clock
from smartqueue.notifications.models import (
    Batch,
    BatchChunk,
    Notification,
    OutgoingMessage,
    PushToken,
    SmsAccount,
    SmsSpend,
    TemplateVersion,
)
from smartqueue.notifications.operations.mail import unsubscribe_url
from smartqueue.privacy import archive
from smartqueue.privacy.models import Export, RegisterEntry
from smartqueue.queues import operations
from smartqueue.queues.models import LongLine
from smartqueue.queues.tests.factories import (
    Place,
    join,
    make_actor,
    make_branch,
    make_counter,
    make_device,
    make_member,
    make_place,
    make_queue,
    make_service,
    make_user,
    sit_down,
)
from smartqueue.queues.tokens import token_of
from smartqueue.support import operations as support
from smartqueue.support.enums import SubjectType
from smartqueue.support.models import CaseAttachment
from smartqueue.support.tests.factories import holder_of, open_case, picture, write_with_file
from smartqueue.webhooks import operations as webhooks

REGISTER_ENTRY = {
    "name": "Vidéo",
    "purpose": "Sûreté",
    "people": "Visiteurs",
    "data": "Images",
    "retention": "30 jours",
}
BUSY_URL = "https://calendar.example/busy.ics"
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass
class World:
    """Organization A, whose objects are asked for, and B, whose owner asks too."""

    place: Place
    other: Place
    people: dict[str, Actor]
    ids: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)


def make_world() -> World:
    place, other = make_place(agents=3), make_place()
    now = clock.now()
    elsewhere = make_branch(place.organization)
    commune()
    people = {
        "customer_a": make_actor(),
        "customer_b": make_actor(),
        "agent": make_member(place.organization, Role.AGENT, place.branch),
        "agent_elsewhere": make_member(place.organization, Role.AGENT, elsewhere),
        "viewer": make_member(place.organization, Role.VIEWER),
        "owner": place.owner,
        "other_owner": other.owner,
        "admin": make_actor(make_user(is_superuser=True, is_staff=True)),
    }
    world = World(place, other, people)
    # The agent of the column sits at a counter of their own, with nobody there.
    free = make_counter(place.branch)
    session = operations.open_session(actor=people["agent"], counter_id=free.pk, now=now)
    called, serving, parked = (join(place, now=now - timedelta(minutes=m)) for m in (9, 8, 7))
    for index, ticket in enumerate((called, serving)):
        operations.call_ticket(
            actor=place.agents[index],
            ticket_id=ticket.pk,
            session_id=sit_down(place, index, now=now).pk,
            now=now,
        )
    operations.start_ticket(actor=place.agents[1], ticket_id=serving.pk, now=now)
    operations.park_ticket(actor=place.owner, ticket_id=parked.pk, now=now)
    waiting = join(place, actor=people["customer_a"], now=now, phone="+221771234567")
    case, settled = (
        open_case(
            place,
            people["customer_a"],
            subject_type=SubjectType.TICKET,
            subject_id=waiting.pk,
            now=now,
        )
        for _ in range(2)
    )
    support.close_case(actor=people["customer_a"], case_id=settled.pk, now=now)
    held = open_case(
        place,
        holder_of(waiting),
        subject_type=SubjectType.TICKET,
        subject_id=waiting.pk,
        now=now,
    )
    message = write_with_file(case, people["customer_a"])
    attachment = CaseAttachment.objects.with_scopes_disabled().get(message=message)
    of = {"organization": place.organization}
    operations.plan_day(
        actor=place.owner, queue_id=place.queue.pk, day=6, spans=[(480, 720, 2)], now=now
    )
    for one in (place, other):
        WaitAccuracy.objects.with_scopes_disabled().create(
            organization=one.organization,
            queue=one.queue,
            week=now.date() - timedelta(days=now.weekday()),
            bucket=0,
            at_joining=True,
            counted_at=now,
            **dict.fromkeys(SUMS, 1),
        )
    # A version of the settings to go back to; another administrator's access to the organization.
    for name in ("Mairie", ""):
        business.update_settings(
            actor=place.owner,
            organization_id=place.organization.pk,
            changes={"display_name": name},
            now=now,
        )
    access = SupportAccess.objects.with_scopes_disabled().create(
        **of,
        admin=make_user(is_superuser=True),
        reason="The kiosk prints nothing",
        opened_at=now,
        expires_at=now + timedelta(hours=1),
    )
    world.tokens = {kind.value: make_device(place.branch, kind) for kind in DeviceKind}
    # Seen a moment ago, so that a request does not note its use.
    BranchCredential.objects.with_scopes_disabled().update(last_used_at=now)
    customer = User.objects.get(pk=people["customer_a"].user_id)
    started = accounts.sign_in(user=customer, device=Device(), now=now).session_id
    change = ContactChange.objects.create(
        user=customer,
        channel="email",
        new_value=f"changed-{uuid4().hex}@example.test",
        created_at=now,
        expires_at=now + timedelta(minutes=10),
    ).pk
    reached = AccountAccess.objects.create(
        user=customer,
        admin=access.admin,
        reason="They cannot sign in any more",
        opened_at=timezone.now(),
        expires_at=timezone.now() + timedelta(minutes=30),
    )
    member = Membership.objects.with_scopes_disabled().get(user_id=place.agents[0].user_id)
    # Who vouches has a second factor, and so has who lost theirs; another's code is out already.
    let_join_earlier()
    give_passkey(place.owner, people["admin"], place.agents[0], people["viewer"])
    reset = FactorReset.objects.create(
        user_id=people["viewer"].user_id,
        issuer_id=place.owner.user_id,
        reason="I met them at the counter",
        created_at=timezone.now(),
        usable_at=timezone.now() + SHORT_WAIT,
        expires_at=timezone.now() + LONG_WAIT,
    )
    world.ids = {
        "organizations": place.organization.pk,
        "branches": place.branch.pk,
        "services": make_service(place.organization).pk,
        "counters": make_counter(place.branch).pk,
        "members": member.pk,
        "devices": BranchCredential.objects.with_scopes_disabled()
        .get(branch=place.branch, kind=DeviceKind.KIOSK)
        .pk,
        "support-accesses": access.pk,
        "support": access.pk,
        "queues": place.queue.pk,
        "tickets": waiting.pk,
        "sessions": session.pk,
        "account/sessions": started,
        "account/contact": change,
        "accounts/sessions": started,
        "contact-changes": change,
        "account-accesses": reached.pk,
        "factor-resets": reset.pk,
        "withdraw": reset.pk,
        "counter": free.pk,
        "users": people["customer_a"].user_id,
        "communes": "SN-DK-DD1-2",
        "target": make_queue(place, "T").pk,
        "called": called.pk,
        "serving": serving.pk,
        "parked": parked.pk,
        "cases": case.pk,
        "settled": settled.pk,
        "held": held.pk,
        "message": message.pk,
        "attachments": attachment.pk,
        "invitations": Invitation.objects.with_scopes_disabled()
        .create(
            **of,
            identifier="new@example.test",
            role=Role.AGENT,
            created_at=now,
            expires_at=now + timedelta(days=7),
            invited_by_id=place.owner.user_id,
        )
        .pk,
        "opening-exceptions": OpeningException.objects.with_scopes_disabled()
        .create(**of, branch=place.branch, date="2026-12-25")
        .pk,
        "holiday-overrides": HolidayOverride.objects.with_scopes_disabled()
        .create(**of, date="2026-12-24", is_holiday=True, name="Veille")
        .pk,
        "skills": Skill.objects.with_scopes_disabled()
        .create(**of, user_id=place.agents[0].user_id, service=place.service, weight=1)
        .pk,
        "passkeys": Passkey.objects.create(
            user_id=people["customer_a"].user_id,
            name="Téléphone",
            credential_id=uuid4().bytes,
            credential=b"",
            created_at=now,
        ).pk,
        "push-tokens": PushToken.objects.create(
            user_id=people["customer_a"].user_id,
            device_id="phone",
            platform="android",
            digest=uuid4().bytes * 2,
            sealed="",
            created_at=now,
            last_seen_at=now,
        ).pk,
        "unsubscribe": unsubscribe_url("sira@example.test", None).split("/")[-2],
        "notifications": Notification.objects.create(
            user_id=people["customer_a"].user_id,
            code="already_registered",
            data={},
            dedupe_key=str(uuid4()),
            created_at=now,
        ).pk,
        "privacy": place.organization.pk,
        "roster": 6,
    }
    world.ids["register-entries"] = world.ids["entries"] = (
        RegisterEntry.objects.with_scopes_disabled()
        .create(**of, **REGISTER_ENTRY, created_at=now)
        .pk
    )
    world.ids |= make_calendar(world)
    world.ids |= make_messages(world, now)
    endpoint, told = make_webhook(place, now)
    world.ids |= {"endpoints": endpoint, f"{place.organization.pk}/webhooks": endpoint}
    world.ids |= {"webhooks/messages": told, f"{endpoint}/messages": told}
    file, sealed_key = archive.keep(b"archive")
    world.ids["exports"] = Export.objects.create(
        user_id=people["customer_a"].user_id,
        state="ready",
        language="fr",
        requested_at=now,
        expires_at=now + archive.LIFE,
        file=file,
        sealed_key=sealed_key,
    ).pk
    return world


def make_messages(world: World, now: datetime) -> dict[str, Any]:
    """Return a message and a batch of organization A, which has a budget and spent some of it."""
    organization_id = world.place.organization.pk
    batch = Batch(
        organization_id=organization_id,
        channel="sms",
        template="by_hand",
        total=1,
        created_at=now,
    )
    batch.save(force_insert=True)
    for row in (
        BatchChunk(organization_id=organization_id, batch=batch, number=0),
        SmsAccount(organization_id=organization_id, changed_at=now),
        SmsSpend(organization_id=organization_id, month=now.date().replace(day=1)),
        TemplateVersion(
            organization_id=organization_id,
            code="ticket_called",
            channel="sms",
            language="fr",
            number=1,
            body="{{ number }} !",
            changed_at=now,
        ),
        LongLine(organization_id=organization_id, queue=world.place.queue, people=30),
    ):
        row.save(force_insert=True)
    message = OutgoingMessage.objects.create(
        organization_id=organization_id,
        channel="sms",
        recipient="+221771112233",
        template="by_hand",
        subject="",
        dedupe_key=str(uuid4()),
        created_at=now,
    )
    return {"messages": message.pk, "batches": batch.pk}


def make_webhook(place: Place, now: datetime) -> tuple[UUID, UUID]:
    """Return a webhook of an organization, and a message that it was told."""
    endpoint, _secret = webhooks.create_endpoint(
        actor=place.owner,
        organization_id=place.organization.pk,
        url="https://hooks.example.org/",
        now=now,
    )
    message = webhooks.send_test(actor=place.owner, endpoint_id=endpoint.pk, now=now)
    claimed = webhooks.claim_next(endpoint.pk)
    assert claimed is not None
    answer = webhooks.Answer(milliseconds=9, status=204)
    webhooks.record_answer(attempt_id=claimed.attempt_id, answer=answer, now=now)
    return endpoint.pk, message.pk


def make_calendar(world: World) -> dict[str, Any]:
    """Return organization A's slots and bookings: of customer_a, of others, on a waitlist."""
    place, now = world.place, clock.now()
    customer = world.people["customer_a"]
    day = next_tuesday()
    slot = bookings.make_slot(place, valid_from=now.date(), capacity=5)
    # A time with one place, which is taken, so that people wait for it.
    rare = make_service(place.organization)
    bookings.make_slot(place, service_id=rare.pk, valid_from=now.date(), end_time=time(10))
    appointments.set_booking_rules(
        actor=place.owner,
        service_id=place.service.pk,
        now=now,
        needs_approval=True,
        most_per_day=9,
        most_ahead=9,
    )
    exception = appointments.create_slot_exception(
        actor=place.owner,
        branch_id=place.branch.pk,
        now=now,
        date=day.date() + timedelta(days=14),
        kind="close",
    )
    asked = bookings.book(place, day, actor=customer, now=now)
    confirmed = bookings.book(place, day + timedelta(hours=1), actor=customer, now=now)
    appointments.approve_appointment(actor=place.owner, appointment_id=confirmed.pk, now=now)
    held = bookings.hold(place, day + timedelta(hours=2), actor=customer, now=now)
    taken = bookings.book(place, day, service_id=rare.pk, now=now)
    dates = {"from_date": day.date(), "until_date": day.date(), "service_id": rare.pk}
    entry = bookings.wait_for_place(place, actor=customer, now=now, **dates)
    second = bookings.wait_for_place(place, now=now + timedelta(seconds=1), **dates)
    appointments.cancel_appointment(actor=place.owner, appointment_id=taken.pk, now=now)
    feed = appointments.create_feed(actor=customer, kind=FeedKind.PERSON, now=now)
    agents_feed = appointments.create_feed(
        actor=world.people["agent"], kind=FeedKind.AGENT, now=now
    )
    busy = appointments.add_busy_calendar(
        actor=place.owner,
        organization_id=place.organization.pk,
        branch_id=place.branch.pk,
        url=BUSY_URL,
        now=now,
    )
    absence = appointments.add_absence(
        actor=world.people["agent"],
        organization_id=place.organization.pk,
        agent_id=world.people["agent"].user_id,
        starts_at=day,
        ends_at=day + timedelta(hours=1),
        now=now,
    )
    return {
        "appointment-slots": slot.pk,
        "slot-exceptions": exception.pk,
        "booking-rules": place.service.pk,
        "appointments": asked.pk,
        "confirmed": confirmed.pk,
        "held_place": held.pk,
        "waitlist": entry.pk,
        "second": second.pk,
        "rare": rare.pk,
        "absences": absence.pk,
        "calendar-feeds": feed.feed.pk,
        "feed": feed.token,
        "busy-calendars": busy.pk,
        "calendars": busy.pk,
        "account/calendars": feed.feed.pk,
        "calendars/feeds": agents_feed.feed.pk,
        "agents": world.people["agent"].user_id,
        "day": day,
    }


def next_tuesday() -> datetime:
    """Return nine o'clock in Dakar of the first Tuesday after today."""
    today = clock.now().date()
    ahead = (1 - today.weekday()) % 7 or 7
    return datetime.combine(today + timedelta(days=ahead), time(9), UTC)


@dataclass
class Caller:
    """One column of the table: how requests of that caller look."""

    name: str
    world: World
    access: str = ""
    cookie: str = ""

    @classmethod
    def of(cls, name: str, world: World) -> "Caller":
        if name not in world.people:
            return cls(name, world)
        user = User.objects.get(pk=world.people[name].user_id)
        signed_in = accounts.sign_in(user=user, device=Device(), now=clock.now())
        browser = Client()
        browser.force_login(user)
        cookie = browser.cookies[settings.SESSION_COOKIE_NAME].value
        return cls(name, world, signed_in.access, cookie)

    def rest(self) -> Client:
        headers = {}
        if self.access:
            headers["Authorization"] = f"Bearer {self.access}"
        elif self.name == "holder":
            headers["X-Ticket-Token"] = token_of(self.world.ids["tickets"])
        elif self.name in self.world.tokens:
            headers["X-Ticket-Token"] = self.world.tokens[self.name]
        return Client(headers=headers)

    def browser(self) -> Client:
        client = Client()
        if self.cookie:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.cookie
        return client


COLUMNS = (
    "anonymous",
    "holder",
    "kiosk",
    "display",
    "customer_a",
    "customer_b",
    "viewer",
    "agent",
    "agent_elsewhere",
    "owner",
    "other_owner",
    "admin",
)


# --- Every path ------------------------------------------------------------------------------


def routes(patterns: Any = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Return every path of the product and its view; the admin site stands as one."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if route != "admin/":
                yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route, pattern.callback


# What a page takes beyond being read.
PAGE_METHODS = {
    "post": {
        "q/<uuid:queue_id>/",
        "t/<str:token>/more-time/",
        "t/<str:token>/use-return/",
        "t/<str:token>/leave/",
        "k/<str:token>/tickets/",
        "k/<str:token>/arrive/",
        "b/<slug:slug>/book/<uuid:service_id>/",
        "b/<slug:slug>/book/<uuid:service_id>/wait/",
        "b/<slug:slug>/book/<uuid:service_id>/with/<str:token>/",
        "a/<str:token>/form/",
        "a/<str:token>/move/",
        "a/<str:token>/<str:action>/",
        "l/<str:token>/<str:action>/",
        *(
            f"manage/branches/<uuid:branch_id>/{page}/"
            for page in (
                "appointments/<uuid:appointment_id>/move",
                "appointments/<uuid:appointment_id>/<str:action>",
                "slots",
                "slots/generate",
                "slots/<uuid:slot_id>/<str:action>",
                "dates",
                "dates/<uuid:exception_id>/remove",
                "absences",
                "absences/<uuid:absence_id>/remove",
                "booking-rules/<uuid:service_id>",
                "appointments/<uuid:appointment_id>/together",
                "waitlist/<uuid:entry_id>/remove",
                "agents/<uuid:agent_id>",
                "calendars",
                "calendars/feeds",
                "calendars/feeds/<uuid:feed_id>/<str:action>",
                "calendars/<uuid:calendar_id>/<str:action>",
            )
        ),
        "account/calendars/",
        "account/calendars/<uuid:feed_id>/<str:action>/",
        "agent/open/",
        "agent/session/<str:action>/",
        "agent/tickets/<uuid:ticket_id>/<str:action>/",
        "manage/branches/<uuid:branch_id>/queues/<uuid:queue_id>/<str:action>/",
        "manage/branches/<uuid:branch_id>/returns/<uuid:ticket_id>/",
        "manage/cases/<uuid:case_id>/messages/",
        "manage/cases/<uuid:case_id>/<str:action>/",
        "support/new/",
        "support/cases/<uuid:case_id>/messages/",
        "support/cases/<uuid:case_id>/<str:action>/",
        "t/<str:token>/support/new/",
        "t/<str:token>/support/cases/<uuid:case_id>/messages/",
        "t/<str:token>/support/cases/<uuid:case_id>/<str:action>/",
        "manage/branches/<uuid:branch_id>/phone/",
        "manage/branches/<uuid:branch_id>/devices/",
        "manage/branches/<uuid:branch_id>/devices/<uuid:device_id>/<str:action>/",
        "manage/support/",
        "manage/support/<uuid:access_id>/close/",
        "manage/queues/<uuid:queue_id>/roster/<str:day>/",
        "manage/queues/<uuid:queue_id>/message/",
        "manage/queues/<uuid:queue_id>/long-line/",
        "manage/<uuid:organization_id>/messages/budget/",
        "manage/<uuid:organization_id>/templates/<slug:code>/<slug:channel>/",
        "manage/<uuid:organization_id>/templates/<slug:code>/<slug:channel>/restore/",
        "account/told/",
        "account/notifications/",
        "account/notifications/<uuid:notification_id>/",
        "manage/<uuid:organization_id>/waits/",
        "manage/<uuid:organization_id>/members/",
        "manage/<uuid:organization_id>/members/<uuid:member_id>/lost-factors/",
        "manage/<uuid:organization_id>/members/<uuid:member_id>/<str:action>/",
        "manage/<uuid:organization_id>/invitations/<uuid:invitation_id>/<str:action>/",
        "manage/<uuid:organization_id>/settings/",
        "manage/<uuid:organization_id>/settings/logo/",
        "manage/<uuid:organization_id>/settings/history/<int:version>/restore/",
        "manage/<uuid:organization_id>/webhooks/",
        "manage/<uuid:organization_id>/webhooks/<uuid:endpoint_id>/<str:action>/",
        "manage/<uuid:organization_id>/webhooks/<uuid:endpoint_id>/messages/<uuid:message_id>/",
        "invitation/",
        "device/",
        "sign-in/",
        "sign-in/confirm/",
        "sign-in/code/",
        "sign-in/code/enter/",
        "password/forgotten/",
        "password/new/",
        "account/profile/",
        "account/contact/",
        "account/contact/<uuid:change_id>/",
        "account/password/",
        "account/sessions/end-others/",
        "account/sessions/<uuid:session_id>/end/",
        "account/confirm/",
        "account/confirm/passkey/",
        "account/security/app/",
        "account/security/app/remove/",
        "account/security/codes/",
        "account/security/withdraw/<uuid:reset_id>/",
        "account/security/passkeys/",
        "account/security/passkeys/<uuid:passkey_id>/rename/",
        "account/security/passkeys/<uuid:passkey_id>/remove/",
        "sign-in/passkey/",
        "register/",
        "verify/",
        "sign-out/",
        "language/",
        "privacy/phone/",
        "account/privacy/requests/",
        "account/privacy/consents/",
        "account/privacy/exports/",
        "account/privacy/erase/",
        "manage/privacy/<uuid:organization_id>/entries/",
        "manage/privacy/<uuid:organization_id>/entries/<uuid:entry_id>/remove/",
    },
}


def requests() -> list[tuple[str, str]]:
    """Return (METHOD, path) of everything that can be asked of the product."""
    found = []
    for route, view in routes():
        view_class = getattr(view, "view_class", None)
        if view_class is not None:
            found += [(m.upper(), route) for m in METHODS if hasattr(view_class, m)]
            continue
        found.append(("GET", route))
        if route in PAGE_METHODS["post"]:
            found.append(("POST", route))
    return found


APPOINTMENT_IN_STATE = {
    "attendance": "confirmed",
    "check-in": "confirmed",
    "no-show": "confirmed",
    "code": "held_place",
    "verify": "held_place",
    "confirm": "held_place",
}
CASE_IN_STATE = {"reopen": "settled"}
TICKET_IN_STATE = {
    "recall": "called",
    "start": "called",
    "no-show": "called",
    "undo": "called",
    "return": "called",
    "complete": "serving",
    "resume": "parked",
}


def address(world: World, route: str) -> str:
    """Return a path with organization A's objects in its places."""
    ids, place = world.ids, world.place
    parts = route.split("/")
    for index, part in enumerate(parts):
        if not part.startswith("<"):
            continue
        before = parts[index - 1]
        if before == "tickets" and route.startswith("api/"):
            parts[index] = str(ids[TICKET_IN_STATE.get(parts[index + 1], "tickets")])
        elif before == "appointments":
            parts[index] = str(ids[APPOINTMENT_IN_STATE.get(parts[index + 1], "appointments")])
        elif before == "cases":
            state = "held" if route.startswith("t/") else CASE_IN_STATE.get(parts[index + 1])
            parts[index] = str(ids[state or "cases"])
        elif "/".join(parts[index - 2 : index]) in ids:
            parts[index] = str(ids["/".join(parts[index - 2 : index])])
        elif before in ids:
            parts[index] = str(ids[before])
        else:
            parts[index] = {
                "o": place.organization.slug,
                "b": place.branch.slug,
                "d": place.branch.slug,
                "q": str(place.queue.pk),
                "t": token_of(ids["tickets"]),
                "calendar": f"{ids.get('feed')}.ics",
                "k": world.tokens["kiosk"],
                "w": world.tokens["display"],
                "a": token_of_appointment(ids["confirmed"]),
                "l": token_of_entry(ids["waitlist"]),
                token_of_appointment(ids["confirmed"]): "coming",
                token_of_entry(ids["waitlist"]): "leave",
                "book": str(place.service.pk),
                "returns": str(ids["tickets"]),
                "slots": str(ids["appointment-slots"]),
                "dates": str(ids["slot-exceptions"]),
                str(ids["appointments"]): "approve",
                str(ids["appointment-slots"]): "retire",
                "manage": str(ids["organizations"]),
                str(ids["members"]): "change",
                str(ids["invitations"]): "withdraw",
                str(ids["devices"]): "code",
                "webhooks": "orange-sms",
                "orange-sms": "receipts",
                "receipts": "no-secret",
                "history": "1",
                "templates": "ticket_called",
                "ticket_called": "sms",
                "sms": "fr",
                "session": "break",
                "public": str(ids["organizations"]),
                str(ids["organizations"]): "unknown.png",
                str(ids["tickets"]): "park",
                str(ids["queues"]): "pause",
                str(ids["endpoints"]): "pause",
                str(ids["cases"]): "close",
                str(ids["calendars"]): "refresh",
                str(ids["account/calendars"]): "renew",
                str(ids["calendars/feeds"]): "renew",
                str(ids["held"]): "close",
                "with": token_of_appointment(ids["confirmed"]),
                "speech": "fr",
                "fr": "number-1.wav",
            }[before]
    return "/" + "/".join(parts)


QUERIES = {
    "api/appointments/available-slots/": "organization",
    "api/appointments/busy-calendars/": "organization",
    "api/business/opening-exceptions/": "branch",
    "api/business/holiday-overrides/": "organization",
    "api/business/members/": "organization",
    "api/business/invitations/": "organization",
    "api/business/devices/": "branch",
    "api/agents/skills/": "organization",
    "api/agents/agents/": "organization",
    "api/audit/entries/": "organization",
    "api/audit/entries/export/": "organization",
    "api/privacy/register-entries/": "organization",
    "api/support/figures/": "organization",
    "api/notifications/sms-account/": "organization",
    "api/notifications/templates/": "organization",
    "api/notifications/templates/<slug:code>/<slug:channel>/<slug:language>/": "organization",
    "api/notifications/templates/<slug:code>/<slug:channel>/<slug:language>/versions/": (
        "organization"
    ),
}


NARROWED = {
    # Whatever is added to the world, it has one organization.
    "api/audit/entries/": "&type=business_organization.",
    # Of today's places, on a Tuesday, some are over.
    "api/appointments/available-slots/": "&date_from={tuesday}&date_to={tuesday}",
}


def query(world: World, route: str) -> str:
    """Return the query that a list cannot do without."""
    name = QUERIES.get(route)
    if name is None:
        return ""
    key = "branches" if name == "branch" else "organizations"
    narrowed = NARROWED.get(route, "").format(tuesday=next_tuesday().date())
    return f"?{name}={world.ids[key]}{narrowed}"


Body = Callable[[World], dict[str, Any]]


def _text(world: World, key: str) -> str:
    return str(world.ids[key])


CONSENT = {"purpose": "marketing", "version": 1}
POINT = {"lat": 14.69, "lon": -17.44}
# The base point of P-256, a public key as good as any.
_POINT = "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"
REST_BODIES: dict[str, Body] = {
    "POST api/accounts/auth/register/": lambda w: {
        "email": f"fresh-{uuid4().hex}@example.test",
        "password": "correct horse battery",
        "first_name": "Awa",
        "last_name": "Diop",
    },
    "POST api/accounts/auth/verify/": lambda w: {
        "identifier": f"nobody-{uuid4().hex}@example.test",
        "code": "123456",
    },
    "POST api/accounts/auth/login/": lambda w: {
        "identifier": f"nobody-{uuid4().hex}@example.test",
        "password": "wrong",
    },
    "POST api/accounts/auth/mfa/": lambda w: {"token": "x", "method": "totp", "code": "123456"},
    "POST api/accounts/auth/code/": lambda w: {
        "identifier": f"nobody-{uuid4().hex}@example.test",
    },
    "POST api/accounts/auth/code/confirm/": lambda w: {"token": "x", "code": "123456"},
    "POST api/accounts/auth/password/change/": lambda w: {
        "old_password": "wrong",
        "password": "quite another sentence",
    },
    "POST api/accounts/auth/password/reset/": lambda w: {
        "identifier": f"nobody-{uuid4().hex}@example.test",
    },
    "POST api/accounts/auth/password/reset/confirm/": lambda w: {"token": "x", "code": "123456"},
    "POST api/accounts/auth/password/reset/mfa/": lambda w: {
        "token": "x",
        "method": "totp",
        "code": "123456",
    },
    "POST api/accounts/auth/password/reset/complete/": lambda w: {
        "grant": "x",
        "password": "quite another sentence",
    },
    "POST api/accounts/auth/reauthenticate/code/": lambda w: {"channel": "email"},
    "POST api/accounts/sessions/sign-out-all/": lambda w: {"keep_current": True},
    "POST api/accounts/auth/contact-changes/": lambda w: {
        "channel": "email",
        "value": f"new-{uuid4().hex}@example.test",
    },
    "POST api/accounts/auth/contact-changes/<uuid:change_id>/confirm/": lambda w: {
        "codes": ["123456"]
    },
    "POST api/accounts/auth/mfa/options/": lambda w: {"token": "x"},
    "POST api/accounts/auth/passkey/": lambda w: {"token": "x", "credential": {}},
    "POST api/accounts/auth/reauthenticate/passkey/": lambda w: {"token": "x", "credential": {}},
    "POST api/accounts/factors/totp/confirm/": lambda w: {"code": "123456"},
    "POST api/accounts/factors/passkeys/": lambda w: {
        "token": "x",
        "name": "Clé",
        "credential": {},
    },
    "PATCH api/accounts/factors/passkeys/<uuid:passkey_id>/": lambda w: {"name": "Clé"},
    "POST api/accounts/auth/reauthenticate/": lambda w: {"password": "wrong"},
    "POST api/accounts/auth/reauthenticate/mfa/": lambda w: {
        "token": "x",
        "method": "totp",
        "code": "123456",
    },
    "POST api/accounts/auth/refresh/": lambda w: {"refresh": "x"},
    "POST api/accounts/auth/logout/": lambda w: {"refresh": "x"},
    "POST api/accounts/account-accesses/": lambda w: {
        "user": _text(w, "users"),
        "reason": "They cannot sign in any more",
    },
    "POST api/accounts/factor-resets/": lambda w: {
        "user": str(w.place.agents[0].user_id),
        "reason": "I met them at the counter",
    },
    "PUT api/accounts/users/<uuid:user_id>/": lambda w: {
        "first_name": "Awa",
        "last_name": "Diop",
        "language": "fr",
    },
    "PATCH api/accounts/users/<uuid:user_id>/": lambda w: {"first_name": "Awa"},
    "POST api/business/organizations/": lambda w: {"name": "Banque", "category": "bank"},
    "PUT api/business/organizations/<uuid:pk>/": lambda w: {
        "name": "Mairie",
        "category": "town_hall",
    },
    "PATCH api/business/organizations/<uuid:pk>/": lambda w: {"name": "Mairie"},
    "POST api/business/branches/": lambda w: {
        "organization": _text(w, "organizations"),
        "name": "Nord",
        "point": POINT,
    },
    "PUT api/business/branches/<uuid:pk>/": lambda w: {"name": "Sud", "point": POINT},
    "PATCH api/business/branches/<uuid:pk>/": lambda w: {"name": "Sud"},
    "PUT api/business/branches/<uuid:pk>/opening-hours/": lambda w: {"opening_hours": []},
    "POST api/business/opening-exceptions/": lambda w: {
        "branch": _text(w, "branches"),
        "date": "2026-12-31",
    },
    "PUT api/business/opening-exceptions/<uuid:pk>/": lambda w: {"date": "2026-12-30"},
    "PATCH api/business/opening-exceptions/<uuid:pk>/": lambda w: {"reason": "Fête"},
    "POST api/business/holiday-overrides/": lambda w: {
        "organization": _text(w, "organizations"),
        "date": "2026-12-31",
        "is_holiday": True,
        "name": "Fête",
    },
    "PUT api/business/holiday-overrides/<uuid:pk>/": lambda w: {
        "is_holiday": True,
        "name": "Fête",
    },
    "POST api/business/services/": lambda w: {
        "organization": _text(w, "organizations"),
        "name": "Retrait",
        "duration_minutes": 5,
    },
    "PUT api/business/services/<uuid:pk>/": lambda w: {"name": "Dépôt", "duration_minutes": 5},
    "PATCH api/business/services/<uuid:pk>/": lambda w: {"duration_minutes": 6},
    "POST api/business/counters/": lambda w: {"branch": _text(w, "branches"), "name": "N99"},
    "PUT api/business/counters/<uuid:pk>/": lambda w: {"name": "N98"},
    "PATCH api/business/counters/<uuid:pk>/": lambda w: {"name": "N97"},
    "POST api/business/members/": lambda w: {
        "organization": _text(w, "organizations"),
        "identifier": f"new-{uuid4().hex}@example.test",
        "role": "agent",
    },
    "PUT api/business/members/<uuid:pk>/": lambda w: {"role": "agent", "branches": []},
    "PATCH api/business/members/<uuid:pk>/": lambda w: {"role": "viewer"},
    "POST api/business/invitations/accept/": lambda w: {"token": "x"},
    "PUT api/business/organizations/<uuid:pk>/settings/": lambda w: {"shows_estimate": False},
    "PATCH api/business/organizations/<uuid:pk>/settings/": lambda w: {"shows_estimate": False},
    "POST api/business/organizations/<uuid:pk>/settings/restore/": lambda w: {"version": 1},
    "POST api/business/devices/": lambda w: {
        "branch": _text(w, "branches"),
        "kind": "kiosk",
        "name": "Entrance",
    },
    "POST api/business/devices/pair/": lambda w: {"code": "AAAAAAAA"},
    "POST api/business/support-accesses/": lambda w: {
        "organization": _text(w, "organizations"),
        "reason": "The kiosk prints nothing",
    },
    "POST api/analytics/wait-accuracy/": lambda w: {"queue": _text(w, "queues")},
    "POST api/agents/skills/": lambda w: {
        "organization": _text(w, "organizations"),
        "user": str(w.place.agents[1].user_id),
        "service": str(w.place.service.pk),
        "weight": 2,
    },
    "PUT api/agents/skills/<uuid:pk>/": lambda w: {"weight": 2},
    "PATCH api/agents/skills/<uuid:pk>/": lambda w: {"weight": 2},
    "POST api/queues/queues/": lambda w: {
        "branch": _text(w, "branches"),
        "name": "File",
        "prefix": "Z",
        "services": [str(w.place.service.pk)],
    },
    "PUT api/queues/queues/<uuid:queue_id>/": lambda w: {
        "name": "File",
        "services": [str(w.place.service.pk)],
    },
    "PATCH api/queues/queues/<uuid:queue_id>/": lambda w: {"name": "File"},
    "PUT api/dialogues/branches/<uuid:branch_id>/line/": lambda w: {"code": "MAIRIE"},
    "PUT api/queues/queues/<uuid:queue_id>/roster/<str:day>/": lambda w: {
        "spans": [{"since": "08:00", "until": "12:00", "counters": 3}]
    },
    "POST api/queues/queues/<uuid:queue_id>/call-next/": lambda w: {
        "session": _text(w, "sessions")
    },
    "POST api/queues/tickets/": lambda w: {"queue": _text(w, "target")},
    "PUT api/queues/tickets/<uuid:ticket_id>/": lambda w: {"plate": "DK 1"},
    "PATCH api/queues/tickets/<uuid:ticket_id>/": lambda w: {"plate": "DK 1"},
    "POST api/queues/tickets/<uuid:ticket_id>/call/": lambda w: {"session": _text(w, "sessions")},
    "POST api/queues/tickets/<uuid:ticket_id>/transfer/": lambda w: {"queue": _text(w, "target")},
    "POST api/privacy/requests/": lambda w: {"right": "question", "body": "What do you keep?"},
    "POST api/privacy/consents/": lambda w: CONSENT | {"is_given": True},
    "POST api/privacy/erasures/": lambda w: {"phone": "+221771234567"},
    "POST api/privacy/erasures/confirm/": lambda w: {
        "phone": f"+22177{uuid4().int % 10**7:07}",
        "code": "1",
    },
    "POST api/privacy/register-entries/": lambda w: (
        REGISTER_ENTRY | {"organization": _text(w, "organizations")}
    ),
    "PUT api/privacy/register-entries/<uuid:pk>/": lambda w: REGISTER_ENTRY,
    "PATCH api/privacy/register-entries/<uuid:pk>/": lambda w: {"name": "Son"},
    "POST api/agents/sessions/": lambda w: {"counter": _text(w, "counters")},
    "POST api/webhooks/endpoints/": lambda w: {
        "organization": _text(w, "organizations"),
        "url": "https://example.org/hook",
    },
    "PATCH api/webhooks/endpoints/<uuid:endpoint_id>/": lambda w: {"description": "Ours"},
    "POST api/webhooks/endpoints/<uuid:endpoint_id>/replay/": lambda w: {
        "since": "2026-01-01T00:00:00Z"
    },
    "POST api/support/cases/": lambda w: {
        "subject_type": "ticket",
        "subject_id": _text(w, "tickets"),
        "category": "wait",
        "title": "Late",
        "body": "Somebody else was called first.",
    },
    "PATCH api/support/cases/<uuid:case_id>/": lambda w: {"priority": "high"},
    "POST api/support/cases/<uuid:case_id>/messages/": lambda w: {"body": "Hello"},
    "POST api/support/cases/<uuid:case_id>/assign/": lambda w: {
        "assignee": str(w.place.owner.user_id),
        "version": 2,
    },
}


def _wish(world: World, **values: Any) -> dict[str, Any]:
    place = world.place
    at = world.ids["day"] + timedelta(hours=3)
    return {
        "service": str(place.service.pk),
        "branch": str(place.branch.pk),
        "starts_at": at.isoformat(),
    } | values


def _email(world: World, name: str) -> str:
    return str(User.objects.get(pk=world.people[name].user_id).email)


def _week(world: World, **values: Any) -> dict[str, Any]:
    return {"day_of_week": 4, "start": "09:00", "end": "10:00"} | values


REST_BODIES |= {
    "POST api/notifications/send-sms/": lambda w: {
        "organization": _text(w, "organizations"),
        "phone": "+221771234567",
        "text": "Bonjour",
    },
    "POST api/notifications/send-email/": lambda w: {
        "organization": _text(w, "organizations"),
        "email": _email(w, "customer_a"),
        "subject": "Bonjour",
        "text": "Bonjour",
    },
    "PUT api/notifications/sms-account/": lambda w: {
        "organization": _text(w, "organizations"),
        "sender_name": "Mairie",
        "monthly_budget_minor": 1000,
        "alert_percent": 80,
    },
    "PUT api/notifications/templates/<slug:code>/<slug:channel>/<slug:language>/": lambda w: {
        "organization": _text(w, "organizations"),
        "body": "{{ number }}",
        "number": 1,
    },
    "POST api/notifications/templates/<slug:code>/<slug:channel>/<slug:language>/preview/": lambda w: {
        "organization": _text(w, "organizations"),
        "body": "{{ number }}",
    },
    "POST api/notifications/templates/<slug:code>/<slug:channel>/<slug:language>/restore/": lambda w: {
        "organization": _text(w, "organizations"),
        "number": 0,
    },
    "POST api/notifications/notifications/read/": lambda w: {"until": _text(w, "notifications")},
    "PATCH api/notifications/preferences/": lambda w: {
        "channels": [{"group": "queue", "channel": "sms", "is_on": False}]
    },
    "POST api/queues/queues/<uuid:queue_id>/message/": lambda w: {"text": "Bonjour"},
    "POST api/queues/queues/<uuid:queue_id>/message/preview/": lambda w: {"text": "Bonjour"},
    "PUT api/queues/queues/<uuid:queue_id>/tickets/": lambda w: {"are_given": False},
    "PUT api/queues/queues/<uuid:queue_id>/long-line/": lambda w: {"people": 40},
    "POST api/notifications/batches/": lambda w: {
        "organization": _text(w, "organizations"),
        "phones": ["+221771234567"],
        "text": "Bonjour",
    },
    "POST api/notifications/push-tokens/": lambda w: {
        "token": "a token of Firebase",
        "device_id": "another phone",
        "platform": "ios",
    },
    "POST api/notifications/browsers/": lambda w: {
        "endpoint": "https://fcm.googleapis.com/fcm/send/x",
        "keys": {"p256dh": _POINT, "auth": "A" * 22},
    },
    "POST api/notifications/browsers/remove/": lambda w: {"endpoint": "https://push.test/x"},
    "POST api/appointments/appointment-slots/": lambda w: _week(
        w, branch=_text(w, "branches"), service=str(w.place.service.pk)
    ),
    "POST api/appointments/appointment-slots/generate/": lambda w: {
        "branch": _text(w, "branches"),
        "service": str(w.place.service.pk),
    },
    "PUT api/appointments/appointment-slots/<uuid:slot_id>/": _week,
    "PATCH api/appointments/appointment-slots/<uuid:slot_id>/": lambda w: {"capacity": 6},
    "POST api/appointments/slot-exceptions/": lambda w: {
        "branch": _text(w, "branches"),
        "date": "2027-01-01",
        "kind": "close",
    },
    "PUT api/appointments/slot-exceptions/<uuid:exception_id>/": lambda w: {
        "date": "2027-01-02",
        "kind": "close",
    },
    "PATCH api/appointments/slot-exceptions/<uuid:exception_id>/": lambda w: {"reason": "Fête"},
    "PUT api/appointments/booking-rules/<uuid:service_id>/": lambda w: {"hold_seconds": 60},
    "PATCH api/appointments/booking-rules/<uuid:service_id>/": lambda w: {"hold_seconds": 60},
    "POST api/appointments/appointments/": _wish,
    "PUT api/appointments/appointments/<uuid:appointment_id>/": lambda w: {
        "starts_at": (w.ids["day"] + timedelta(hours=4)).isoformat()
    },
    "POST api/appointments/appointments/<uuid:appointment_id>/code/": lambda w: {
        "phone": f"+22177{uuid4().int % 10**7:07}"
    },
    "POST api/appointments/appointments/<uuid:appointment_id>/verify/": lambda w: {"code": "1"},
    "POST api/appointments/visits/": lambda w: {"wishes": [_wish(w)]},
    "POST api/appointments/series/": lambda w: _wish(w, every_days=7, times=2),
    "POST api/appointments/check-in/": lambda w: {
        "branch": _text(w, "branches"),
        "code": "ZZZZZZZZ",
    },
    "POST api/appointments/waitlist/": lambda w: {
        "service": _text(w, "rare"),
        "branch": _text(w, "branches"),
        "from_date": str(w.ids["day"].date()),
        "until_date": str(w.ids["day"].date()),
        "phone": f"+22177{uuid4().int % 10**7:07}",
    },
    "POST api/appointments/calendar-feeds/": lambda w: {"kind": "person"},
    "POST api/appointments/busy-calendars/": lambda w: {
        "organization": _text(w, "organizations"),
        "branch": _text(w, "branches"),
        "url": BUSY_URL,
    },
    "POST api/appointments/absences/": lambda w: {
        "organization": _text(w, "organizations"),
        "agent": str(w.people["agent"].user_id),
        "starts_at": w.ids["day"].isoformat(),
        "ends_at": (w.ids["day"] + timedelta(hours=1)).isoformat(),
    },
}


def _case_form(world: World) -> dict[str, Any]:
    return {
        "about": f"ticket:{world.ids['tickets']}",
        "category": "wait",
        "title": "Late",
        "body": "Somebody else was called first.",
    }


UPLOADS: dict[str, Body] = {
    "api/business/organizations/<uuid:pk>/settings/logo/": lambda w: {"file": picture()},
    "api/support/cases/<uuid:case_id>/attachments/": lambda w: {
        "message": _text(w, "message"),
        "file": picture(),
    },
}
_BRANCH = "manage/branches/<uuid:branch_id>/"
_SLOT = {
    "day_of_week": "2",
    "start_time": "08:00",
    "end_time": "12:00",
    "interval_minutes": "20",
    "capacity": "3",
}


def _other_time(world: World) -> dict[str, Any]:
    return {"starts_at": (world.ids["day"] + timedelta(hours=5)).isoformat()}


FORMS: dict[str, Body] = {
    "privacy/phone/": lambda w: {"phone": "+221771234567"},
    "account/privacy/requests/": lambda w: {"right": "question", "body": "What do you keep?"},
    "account/privacy/consents/": lambda w: CONSENT | {"is_given": "yes"},
    "account/privacy/erase/": lambda w: {"sure": "yes"},
    "manage/privacy/<uuid:organization_id>/entries/": lambda w: REGISTER_ENTRY,
    "q/<uuid:queue_id>/": lambda w: {"service": str(w.place.service.pk), "once": str(uuid4())},
    "k/<str:token>/tickets/": lambda w: {"queue": _text(w, "queues"), "once": str(uuid4())},
    "b/<slug:slug>/book/<uuid:service_id>/": lambda w: {
        "starts_at": (w.ids["day"] + timedelta(hours=4)).isoformat()
    },
    "b/<slug:slug>/book/<uuid:service_id>/wait/": lambda w: {
        "from_date": str(w.ids["day"].date()),
        "until_date": str(w.ids["day"].date()),
        "phone": "+221771234567",
    },
    "a/<str:token>/form/": lambda w: {"customer_name": "Awa"},
    "a/<str:token>/move/": _other_time,
    f"{_BRANCH}appointments/<uuid:appointment_id>/move/": _other_time,
    f"{_BRANCH}slots/": lambda w: _SLOT | {"service": str(w.place.service.pk)},
    f"{_BRANCH}slots/generate/": lambda w: {"service": str(w.place.service.pk)},
    f"{_BRANCH}dates/": lambda w: {"date": "2026-12-31", "kind": "close"},
    f"{_BRANCH}agents/<uuid:agent_id>/": lambda w: {
        "date": "2026-12-31",
        "start_time": "09:00",
        "end_time": "09:30",
    },
    f"{_BRANCH}calendars/": lambda w: {"whose": "branch:", "url": BUSY_URL},
    f"{_BRANCH}calendars/feeds/": lambda w: {"kind": "agent"},
    f"{_BRANCH}absences/": lambda w: {
        "agent": str(w.people["agent"].user_id),
        "starts_at": "2026-12-31T09:00",
        "ends_at": "2026-12-31T10:00",
    },
    "k/<str:token>/arrive/": lambda w: {"code": "AAAAAAAA"},
    "manage/branches/<uuid:branch_id>/phone/": lambda w: {"code": "MAIRIE"},
    "manage/branches/<uuid:branch_id>/devices/": lambda w: {"kind": "kiosk", "name": "Entrance"},
    "manage/support/": lambda w: {
        "organization": _text(w, "organizations"),
        "reason": "The kiosk prints nothing",
        "minutes": "60",
    },
    "manage/queues/<uuid:queue_id>/message/": lambda w: {
        "text": "Bonjour",
        "looked": "Bonjour",
        "send": "1",
    },
    "manage/queues/<uuid:queue_id>/long-line/": lambda w: {"people": "40"},
    "manage/<uuid:organization_id>/messages/budget/": lambda w: {
        "monthly_budget_minor": "25000",
        "alert_percent": "80",
    },
    "manage/<uuid:organization_id>/templates/<slug:code>/<slug:channel>/": lambda w: {
        "language": "fr",
        "number": "1",
        "subject": "",
        "body": "{{ number }}",
        "save": "1",
    },
    "manage/<uuid:organization_id>/templates/<slug:code>/<slug:channel>/restore/": lambda w: {
        "language": "fr",
        "number": "0",
    },
    "account/told/": lambda w: {"on": "queue:sms"},
    "account/notifications/": lambda w: {"until": _text(w, "notifications")},
    "manage/queues/<uuid:queue_id>/roster/<str:day>/": lambda w: {
        "since": ["09:00"],
        "until": ["10:00"],
        "counters": ["1"],
    },
    "manage/<uuid:organization_id>/members/": lambda w: {
        "identifier": f"new-{uuid4().hex}@example.test",
        "role": "agent",
    },
    "manage/<uuid:organization_id>/members/<uuid:member_id>/lost-factors/": lambda w: {
        "reason": "I met them at the counter"
    },
    "manage/<uuid:organization_id>/members/<uuid:member_id>/<str:action>/": lambda w: {
        "role": "viewer"
    },
    "manage/<uuid:organization_id>/settings/": lambda w: {
        "languages": ["fr"],
        "default_language": "fr",
        "display_detail": "numbers",
    },
    "device/": lambda w: {"code": "AAAAAAAA"},
    "invitation/": lambda w: {"token": "x"},
    "agent/open/": lambda w: {"counter": _text(w, "counters"), "queues": [_text(w, "queues")]},
    "sign-in/": lambda w: {
        "identifier": f"nobody-{uuid4().hex}@example.test",
        "password": "wrong",
    },
    "sign-in/code/": lambda w: {"identifier": f"nobody-{uuid4().hex}@example.test"},
    "password/forgotten/": lambda w: {"identifier": f"nobody-{uuid4().hex}@example.test"},
    "account/profile/": lambda w: {"first_name": "Awa", "last_name": "Diop", "language": "fr"},
    "account/contact/": lambda w: {
        "channel": "email",
        "value": f"new-{uuid4().hex}@example.test",
    },
    "account/contact/<uuid:change_id>/": lambda w: {"new_code": "123456"},
    "account/password/": lambda w: {"old_password": "wrong", "password": "quite another one"},
    "account/confirm/": lambda w: {"password": "wrong"},
    "language/": lambda w: {"language": "en"},
    "support/new/": _case_form,
    "t/<str:token>/support/new/": _case_form,
    "support/cases/<uuid:case_id>/messages/": lambda w: {"body": "Hello"},
    "t/<str:token>/support/cases/<uuid:case_id>/messages/": lambda w: {"body": "Hello"},
    "manage/cases/<uuid:case_id>/messages/": lambda w: {"body": "Hello"},
}


def body_for(world: World, method: str, route: str) -> dict[str, Any]:
    """Return a body that a path of the API takes."""
    if route in UPLOADS:
        return UPLOADS[route](world)
    return REST_BODIES.get(f"{method} {route}", lambda w: {})(world)


def ask(caller: Caller, method: str, route: str, body: dict[str, Any] | None = None) -> Any:
    """Send one request, to the API with the body given or with one that its path takes."""
    world = caller.world
    path = address(world, route) + query(world, route)
    if not route.startswith("api/"):
        client = caller.browser()
        if method == "GET":
            return client.get(path)
        return client.post(path, FORMS.get(route, lambda w: {})(world))
    body = body_for(world, method, route) if body is None else body
    send = getattr(caller.rest(), method.lower())
    if route in UPLOADS:
        return send(path, body)
    return send(path) if method == "GET" else send(path, body, content_type="application/json")


def topics(world: World) -> dict[str, str]:
    """Return a name on the wire for every topic that sockets can follow."""
    ids: dict[str, UUID | str] = {
        "queue": world.ids["queues"],
        "ticket": world.ids["tickets"],
        "org": world.ids["organizations"],
        "counter": world.ids["counter"],
        "user": world.ids["users"],
        "dashboard": "platform",
    }
    return {prefix: f"{prefix}:{pk}" for prefix, pk in ids.items()}
