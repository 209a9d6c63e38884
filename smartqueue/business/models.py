from datetime import timedelta
from typing import Any, Final
from zoneinfo import available_timezones

import holidays
from django.conf import settings
from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.db.models import F, Q
from django.db.models.functions import Concat
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.enums import Language, Role
from smartqueue.business import switches
from smartqueue.business.enums import Category, DeviceKind, DisplayDetail, Switch
from smartqueue.common.models import IdModel, TenantModel
from smartqueue.common.search import Plain

MIDNIGHT = "00:00"
LONGEST_SUPPORT = timedelta(hours=4)


def _searched(*columns: str) -> Plain:
    parts: list[Any] = []
    for column in columns:
        parts += [column, models.Value(" ")]
    return Plain(Concat(*parts, output_field=models.TextField()))


def validate_zone(value: str) -> None:
    """Refuse a name that the time zone database does not have."""
    if value not in available_timezones():
        raise ValidationError(
            _("Give a time zone by its name, such as Africa/Dakar."), code="unknown_zone"
        )


def validate_country(value: str) -> None:
    """Refuse a country whose public holidays are not known."""
    if value not in holidays.list_supported_countries(include_aliases=False):
        raise ValidationError(
            _("Give a country by its ISO 3166 code, such as SN."), code="unknown_country"
        )


class Organization(IdModel):
    """A customer of the platform: a town hall, a hospital, a bank. It is itself public."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    category = models.CharField(max_length=20, choices=Category.choices)
    description = models.TextField(blank=True)
    phone = models.CharField(max_length=16, blank=True)
    website = models.URLField(blank=True)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    search_text = models.GeneratedField(
        expression=_searched("name", "description_fr", "description_en", "description_ar"),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        indexes = [
            GinIndex(
                fields=["search_text"], opclasses=["gin_trgm_ops"], name="organization_search"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(TenantModel):
    """A person's role in an organization; no branches means all of them."""

    person = "user"

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=8, choices=Role.choices)
    branches: "models.ManyToManyField[Branch, Any]" = models.ManyToManyField(
        "Branch", blank=True, related_name="memberships"
    )
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="membership_once"),
        ]


class Invitation(TenantModel):
    """
    A role that waits for somebody who has no account yet. `identifier` is an e-mail address in
    lower case or a phone number in E.164 form; the token in the message is derived from the id.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="invitations"
    )
    identifier = models.CharField(max_length=254)
    role = models.CharField(max_length=8, choices=Role.choices)
    branches: "models.ManyToManyField[Branch, Any]" = models.ManyToManyField(
        "Branch", blank=True, related_name="+"
    )
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    language = models.CharField(max_length=2, choices=Language.choices, default=Language.FRENCH)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    times_sent = models.PositiveSmallIntegerField(default=1)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "identifier"],
                condition=Q(accepted_at__isnull=True),
                name="invitation_open_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["identifier"],
                condition=Q(accepted_at__isnull=True),
                name="invitation_open",
            ),
        ]


class Branch(TenantModel):
    """One address of an organization."""

    anybody_reads = True

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="branches"
    )
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=80, unique=True)
    point = models.PointField(geography=True)
    address = models.CharField(max_length=200, blank=True)
    commune = models.ForeignKey(
        "locations.Commune", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    timezone = models.CharField(max_length=40, default="Africa/Dakar", validators=[validate_zone])
    country = models.CharField(max_length=2, default="SN", validators=[validate_country])
    phone = models.CharField(max_length=16, blank=True)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    search_text = models.GeneratedField(
        expression=_searched("name", "address"),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        indexes = [
            models.Index(fields=["organization", "name"], name="branch_by_organization"),
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="branch_search"),
        ]

    def __str__(self) -> str:
        return self.name


class OpeningHours(TenantModel):
    """
    One interval of a weekday on which a branch is open; 0 is Monday. Closing at 00:00 is the end
    of that day; an interval that goes on past it is written as two.
    """

    anybody_reads = True

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    branch = models.ForeignKey(Branch, on_delete=models.CASCADE, related_name="opening_hours")
    weekday = models.PositiveSmallIntegerField()
    opens_at = models.TimeField()
    closes_at = models.TimeField()

    class Meta:
        ordering = ["weekday", "opens_at"]
        constraints = [
            models.CheckConstraint(condition=Q(weekday__lte=6), name="opening_hours_weekday"),
            models.CheckConstraint(
                condition=Q(closes_at__gt=F("opens_at")) | Q(closes_at=MIDNIGHT),
                name="opening_hours_interval",
            ),
            models.UniqueConstraint(
                fields=["branch", "weekday", "opens_at"], name="opening_hours_once"
            ),
        ]


class OpeningException(TenantModel):
    """A date on which a branch is closed (no times) or open at other times."""

    anybody_reads = True

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    branch = models.ForeignKey(Branch, on_delete=models.CASCADE, related_name="opening_exceptions")
    date = models.DateField()
    opens_at = models.TimeField(null=True, blank=True)
    closes_at = models.TimeField(null=True, blank=True)
    reason = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["date", "opens_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["branch", "date", "opens_at"],
                name="opening_exception_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(opens_at__isnull=True, closes_at__isnull=True)
                | Q(closes_at__gt=F("opens_at"))
                | Q(opens_at__isnull=False, closes_at=MIDNIGHT),
                name="opening_exception_interval",
            ),
        ]


class HolidayOverride(TenantModel):
    """An organization's word on a holiday: moved here, added, or worked through."""

    anybody_reads = True

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="holiday_overrides"
    )
    date = models.DateField()
    name = models.CharField(max_length=120, blank=True)
    is_holiday = models.BooleanField()

    class Meta:
        ordering = ["date"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "date"], name="holiday_override_once"),
        ]


class Service(TenantModel):
    """What a business offers; `price_minor` is in minor units of `currency`."""

    anybody_reads = True

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="services"
    )
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    duration_minutes = models.PositiveSmallIntegerField()
    price_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, default="XOF")
    required_papers = models.TextField(blank=True)
    languages = ArrayField(models.CharField(max_length=3), default=list, blank=True)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    search_text = models.GeneratedField(
        expression=_searched(
            "name_fr",
            "name_en",
            "name_ar",
            "description_fr",
            "description_en",
            "description_ar",
        ),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(duration_minutes__gte=1, duration_minutes__lte=480),
                name="service_duration",
            ),
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="service_price"),
        ]
        indexes = [
            models.Index(fields=["organization", "name"], name="service_by_organization"),
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="service_search"),
        ]

    def __str__(self) -> str:
        return self.name


class Counter(TenantModel):
    """A service point where an agent serves."""

    anybody_reads = True

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    branch = models.ForeignKey(Branch, on_delete=models.CASCADE, related_name="counters")
    name = models.CharField(max_length=40)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["branch", "name"],
                condition=Q(retired_at__isnull=True),
                name="counter_name_in_branch",
            ),
        ]

    def __str__(self) -> str:
        return self.name


def all_languages() -> list[str]:
    """Return every language the pages are in."""
    return list(Language.values)


USUAL_NIGHT: Final = "21:00-07:00"


class OrganizationSettings(TenantModel):
    """
    What an organization decides about itself; without a row everything is as the fields default.

    `primary_color` is #rrggbb or empty. `retention_days` maps a kind of data to days, only where
    they are fewer than the platform's; `switches` maps a `Switch` to on or off. `quiet_hours` are
    when people who said nothing of their own are left alone, by the clock of each branch: 21:00-07:00,
    or empty for never.
    """

    anybody_reads = True

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, related_name="settings"
    )
    display_name = models.CharField(max_length=120, blank=True)
    logo = models.CharField(max_length=120, blank=True)
    primary_color = models.CharField(max_length=7, blank=True)
    languages = ArrayField(
        models.CharField(max_length=2, choices=Language.choices), default=all_languages
    )
    default_language = models.CharField(
        max_length=2, choices=Language.choices, default=Language.FRENCH
    )
    display_detail = models.CharField(
        max_length=20, choices=DisplayDetail.choices, default=DisplayDetail.NUMBERS_AND_COUNTERS
    )
    shows_waiting_count = models.BooleanField(default=True)
    shows_estimate = models.BooleanField(default=True)
    quiet_hours = models.CharField(max_length=11, blank=True, default=USUAL_NIGHT)
    requires_second_factor = models.BooleanField(default=False)
    retention_days = models.JSONField(default=dict, blank=True)
    switches = models.JSONField(default=dict, blank=True)
    updated_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=0)

    def is_on(self, switch: Switch) -> bool:
        """Whether a feature is on here."""
        return switches.is_on(self.switches, switch)


class SettingsVersion(TenantModel):
    """The settings as somebody left them, and the names of what they changed."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="settings_versions"
    )
    version = models.PositiveIntegerField()
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    before = models.JSONField()
    after = models.JSONField()
    restored_version = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "version"], name="settings_version_once"
            ),
        ]


class BranchCredential(TenantModel):
    """
    A device of a branch. Until it is paired `code_digest` waits for the code to be typed on it;
    from then on `digest` proves its token. A revoked one opens nothing.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    branch = models.ForeignKey(Branch, on_delete=models.CASCADE, related_name="credentials")
    kind = models.CharField(max_length=8, choices=DeviceKind.choices)
    name = models.CharField(max_length=60)
    code_digest = models.BinaryField(null=True, blank=True)
    code_expires_at = models.DateTimeField(null=True, blank=True)
    digest = models.BinaryField(null=True, blank=True)
    is_demonstration = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField()
    paired_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["branch", "name"],
                condition=Q(revoked_at__isnull=True),
                name="credential_name_in_branch",
            ),
            models.UniqueConstraint(
                fields=["code_digest"],
                condition=Q(code_digest__isnull=False),
                name="credential_code_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SupportAccess(TenantModel):
    """A platform administrator's time inside an organization, and why."""

    person = "admin"

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="support_accesses"
    )
    admin = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="support_accesses"
    )
    reason = models.CharField(max_length=300)
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    expires_at__gt=F("opened_at"), expires_at__lte=F("opened_at") + LONGEST_SUPPORT
                ),
                name="support_access_short",
            ),
        ]
        indexes = [
            models.Index(
                fields=["admin"], condition=Q(closed_at__isnull=True), name="support_access_open"
            ),
            models.Index(fields=["organization", "-opened_at"], name="support_by_organization"),
        ]
