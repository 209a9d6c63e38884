from django.db import models
from django.db.models import Q

from smartqueue.common.models import IdModel
from smartqueue.notifications.enums import CallbackKind, CallbackState, CircuitState


class ProviderHealth(models.Model):
    """
    Whether a provider is in use, and what its account still has. While `circuit` is open, one message
    tries it at `probe_at`. `since` is when the circuit changed last: earlier failures count no more.
    """

    provider = models.CharField(max_length=40, primary_key=True)
    circuit = models.CharField(
        max_length=6, choices=CircuitState.choices, default=CircuitState.CLOSED
    )
    since = models.DateTimeField(db_default=models.functions.Now())
    probe_at = models.DateTimeField(null=True)
    times_opened = models.PositiveSmallIntegerField(default=0)
    units = models.BigIntegerField(null=True)
    amount_minor = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, blank=True)
    balance_at = models.DateTimeField(null=True)
    balance_expires_at = models.DateTimeField(null=True)
    is_low = models.BooleanField(default=False)


class ProviderCallback(IdModel):
    """
    A provider's call as it came, kept before it is understood: `sealed` holds method, address,
    selected headers and the body, and is emptied once that is done.
    """

    provider = models.CharField(max_length=40)
    kind = models.CharField(max_length=8, choices=CallbackKind.choices)
    sealed = models.TextField(blank=True)
    state = models.CharField(
        max_length=7, choices=CallbackState.choices, default=CallbackState.STORED
    )
    tries = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=60, blank=True)
    received_at = models.DateTimeField(db_default=models.functions.Now(), db_index=True)
    next_try_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        indexes = [
            models.Index(
                fields=["next_try_at"], name="callback_stored", condition=Q(state="stored")
            ),
        ]


class ProviderReceipt(IdModel):
    """
    What a provider said once of a message; `told` tells the same said again. It waits without an
    attempt when it comes before the provider's own answer was recorded.
    """

    provider = models.CharField(max_length=40)
    told = models.CharField(max_length=320)
    reference = models.CharField(max_length=200, blank=True)
    own_reference = models.CharField(max_length=64, blank=True)
    delivery = models.CharField(max_length=10)
    code = models.CharField(max_length=60, blank=True)
    is_recipient = models.BooleanField(default=False)
    attempt = models.ForeignKey(
        "notifications.DeliveryAttempt",
        on_delete=models.CASCADE,
        null=True,
        related_name="receipts",
    )
    received_at = models.DateTimeField(db_default=models.functions.Now(), db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "told"], name="receipt_once"),
        ]
        indexes = [
            models.Index(
                fields=["provider", "reference"],
                name="receipt_waiting",
                condition=Q(attempt__isnull=True),
            ),
        ]


class InboundMessage(IdModel):
    """A text from a phone: sealed until it is answered, then only known to have come."""

    provider = models.CharField(max_length=40)
    event_id = models.CharField(max_length=200)
    sealed = models.TextField(blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=60, blank=True)
    received_at = models.DateTimeField()
    next_try_at = models.DateTimeField(db_default=models.functions.Now())
    answered_at = models.DateTimeField(null=True)
    stored_at = models.DateTimeField(db_default=models.functions.Now(), db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "event_id"], name="inbound_once"),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                name="inbound_unanswered",
                condition=Q(answered_at__isnull=True),
            ),
        ]


class OptOut(IdModel):
    """
    A phone that wants no more text messages, or an e-mail address that wants no more of an
    organization's; neither can be read back from `digest`.
    """

    digest = models.BinaryField(max_length=32, unique=True)
    stopped_at = models.DateTimeField()


class DeadAddress(IdModel):
    """An e-mail address that mail came back from; it cannot be read back from `digest`."""

    digest = models.BinaryField(max_length=32, unique=True)
    code = models.CharField(max_length=60, blank=True)
    noted_at = models.DateTimeField()
