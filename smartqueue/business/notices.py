"""What an organization's managers hear of its budget for texts, and platform staff of providers."""

from datetime import date, timedelta
from typing import Final

from django.conf import settings
from django.utils import formats, translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.models import User
from smartqueue.business.models import Organization
from smartqueue.business.queries import managers_at
from smartqueue.common.money import Money
from smartqueue.notifications import operations as notifications
from smartqueue.notifications.enums import Channel, Group
from smartqueue.notifications.events import ProviderBalanceLow, SmsBudgetAlert
from smartqueue.notifications.models import ProviderHealth
from smartqueue.notifications.operations import budgets
from smartqueue.notifications.texts import register_text
from smartqueue.outbox.registry import subscribe

NEARLY_SPENT: Final = "sms_budget_nearly"
SPENT: Final = "sms_budget_spent"
BALANCE_LOW: Final = "provider_balance_low"
XOF: Final = "XOF"
NOTHING: Final = "-"
CODES: Final = {"nearly_spent": NEARLY_SPENT, "spent": SPENT}

# Not by text message: that is what there is no money for.
_CHANNELS: Final = (Channel.EMAIL, Channel.PUSH, Channel.WEB_PUSH)
_BUDGET: Final = {
    "organization": "Mairie de Dakar",
    "month": "11/2026",
    "spent": "20 000 F CFA",
    "budget": "25 000 F CFA",
    "link": "https://smartqueue.example/manage/",
}


def _words(code: str, subject: Promise, body: Promise, *, life: timedelta, **samples: str) -> None:
    register_text(
        code,
        subject=subject,
        body=body,
        group=Group.ORGANIZATION,
        life=life,
        channels=_CHANNELS,
        variables=samples,
    )


_words(
    NEARLY_SPENT,
    _("The budget for text messages is nearly spent"),
    _(
        "%(organization)s: %(spent)s of %(budget)s for text messages in %(month)s are spent. After "
        "that only calls, codes and warnings go out."
    ),
    life=timedelta(days=3),
    **_BUDGET,
)
_words(
    SPENT,
    _("The budget for text messages is spent"),
    _(
        "%(organization)s: all of %(budget)s for text messages in %(month)s are spent. Only calls, "
        "codes and warnings go out."
    ),
    life=timedelta(days=3),
    **_BUDGET,
)
_words(
    BALANCE_LOW,
    _("Little is left on the account at %(provider)s"),
    _(
        "Left on the account at the provider %(provider)s: %(left)s. It ends: %(until)s. Top it up "
        "before messages stay behind."
    ),
    life=timedelta(days=1),
    provider="orange_sms",
    left="240",
    until="30/11/2026",
    link="https://smartqueue.example/manage/support/",
)


@subscribe(SmsBudgetAlert)
def on_sms_budget_alert_tell(event: SmsBudgetAlert) -> None:
    """Tell those who manage an organization as a whole, once a month for each level."""
    organization = Organization.objects.only("name").get(pk=event.organization_id)
    month = date.fromisoformat(event.month)
    account = budgets.account_of(organization.pk)
    spend = budgets.spend_of(organization.pk, month)
    if account is None or account.monthly_budget_minor is None:
        return
    for user in User.objects.filter(pk__in=managers_at(organization.pk, None)).order_by("pk"):
        notifications.tell(
            to=notifications.person_of(user),
            code=CODES[event.level],
            data={
                "organization": organization.name,
                "month": f"{month:%m/%Y}",
                "spent": _amount(spend.spent_minor if spend else 0, user.language),
                "budget": _amount(account.monthly_budget_minor, user.language),
            },
            dedupe_key=f"{CODES[event.level]}:{organization.pk}:{event.month}",
            now=event.occurred_at,
            organization_id=organization.pk,
            link=f"{settings.PUBLIC_URL}/manage/{organization.pk}/messages/",
        )


@subscribe(ProviderBalanceLow)
def on_provider_balance_low_tell(event: ProviderBalanceLow) -> None:
    """Tell the platform's administrators, once a day for each provider."""
    known = ProviderHealth.objects.filter(pk=event.provider).first()
    account = known or ProviderHealth(provider=event.provider)
    for user in User.objects.filter(is_superuser=True, is_active=True).order_by("pk"):
        with translation.override(user.language):
            until = account.balance_expires_at
            facts = {
                "provider": event.provider,
                "left": _left(event, account.currency, user.language),
                "until": formats.date_format(until, "SHORT_DATE_FORMAT") if until else NOTHING,
            }
        notifications.tell(
            to=notifications.person_of(user),
            code=BALANCE_LOW,
            data=facts,
            dedupe_key=f"{BALANCE_LOW}:{event.provider}:{event.occurred_at.date()}",
            now=event.occurred_at,
            link=f"{settings.PUBLIC_URL}/manage/support/",
        )


def _left(event: ProviderBalanceLow, currency: str, language: str) -> str:
    if event.amount_minor is not None:
        return _amount(event.amount_minor, language, currency or XOF)
    return str(formats.number_format(event.units)) if event.units is not None else NOTHING


def _amount(minor: int, language: str, currency: str = XOF) -> str:
    return Money(minor, currency).display(language)
