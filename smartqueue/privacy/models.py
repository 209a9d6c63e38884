from django.conf import settings
from django.db import models
from django.db.models import Q

from smartqueue.accounts.enums import Language
from smartqueue.common.models import IdModel, TenantModel
from smartqueue.privacy.enums import ConsentSource, ExportState, Purpose


class Consent(models.Model):
    """
    One yes or no to one purpose. Rows are only added, under the lock of the account, so that the
    highest number is the newest word. PostgreSQL refuses to change or delete them, except to the
    retention job.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    is_given = models.BooleanField()
    text_version = models.PositiveSmallIntegerField()
    source = models.CharField(max_length=8, choices=ConsentSource.choices)
    language = models.CharField(max_length=2, choices=Language.choices)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["user", "purpose", "-id"], name="consent_newest")]


class Export(IdModel):
    """
    An archive of everything that is stored of a person. The file is sealed by a key that only this
    row holds, itself sealed by ours: deleting the row makes the file unreadable.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(
        max_length=9, choices=ExportState.choices, default=ExportState.REQUESTED
    )
    language = models.CharField(max_length=2, choices=Language.choices)
    requested_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    downloaded_at = models.DateTimeField(null=True)
    size = models.PositiveBigIntegerField(default=0)
    file = models.CharField(max_length=80, blank=True)
    sealed_key = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(state="requested"), name="export_one_at_a_time"
            ),
        ]
        indexes = [models.Index(fields=["user", "-id"], name="export_newest")]


class Erasure(IdModel):
    """
    Proof that somebody was erased, without who it was.

    `sealed_subject` says whom to look for, sealed, until every table was gone through: after the
    first walk the account's id alone, after the last nothing. `counts` says how many rows of which
    table were touched.
    """

    user_id = models.UUIDField(null=True)
    sealed_subject = models.TextField(blank=True)
    counts = models.JSONField(default=dict)
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["requested_at"],
                name="erasure_unfinished",
                condition=Q(finished_at__isnull=True),
            ),
        ]


class PhoneCode(IdModel):
    """A code sent to a phone whose owner, without an account, wants to be erased."""

    phone_digest = models.BinaryField(max_length=32, db_index=True)
    digest = models.BinaryField(max_length=32)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)


class RegisterEntry(TenantModel):
    """A processing that an organization adds to the register which SmartQueue's tables give it."""

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    name = models.CharField(max_length=120)
    purpose = models.TextField(max_length=1000)
    people = models.CharField(max_length=300)
    data = models.TextField(max_length=1000)
    basis = models.CharField(max_length=300, blank=True)
    recipients = models.TextField(max_length=1000, blank=True)
    transfers = models.CharField(max_length=300, blank=True)
    retention = models.CharField(max_length=300)
    security = models.TextField(max_length=1000, blank=True)
    declaration = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [models.Index(fields=["organization", "name"], name="register_entry_by_org")]

    def __str__(self) -> str:
        return self.name
