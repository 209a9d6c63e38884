from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from phonenumber_field.phonenumber import to_python

from smartqueue.common.models import IdModel, TenantModel


class BranchLine(TenantModel):
    """
    How a branch is reached by phone: the code that people write or type, and the number (E.164) that
    gives a ticket of one of its queues to whoever rings it.
    """

    anybody_reads = True

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    branch = models.OneToOneField("business.Branch", on_delete=models.CASCADE, related_name="line")
    code = models.CharField(max_length=12, unique=True)
    missed_call_number = models.CharField(max_length=16, blank=True)
    missed_call_queue = models.ForeignKey(
        "queues.Queue", on_delete=models.CASCADE, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["missed_call_number"],
                condition=~Q(missed_call_number=""),
                name="missed_call_number_once",
            ),
            models.CheckConstraint(
                condition=Q(missed_call_number="", missed_call_queue__isnull=True)
                | (~Q(missed_call_number="") & Q(missed_call_queue__isnull=False)),
                name="missed_call_number_has_queue",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def missed_call_shown(self) -> str:
        """The number as people read and dial it, from abroad as well: +221 33 800 00 00."""
        number = to_python(self.missed_call_number)
        return number.as_international if number else ""


class Conversation(IdModel):
    """
    What is remembered of a phone that wrote or dialled, under a keyed digest of its number: its
    language, the branches it went to last, and where it is in the menu.

    `screen` is the menu's place and what was chosen on the way. `session` and `typed` are the
    aggregator's session and how much of its text has been taken. The row is the lock of a phone.
    """

    phone_digest = models.BinaryField(max_length=32, unique=True)
    language = models.CharField(max_length=2, blank=True)
    recent_branches = models.JSONField(default=list)
    screen = models.JSONField(default=dict)
    session = models.CharField(max_length=100, blank=True)
    typed = models.TextField(blank=True)
    used_at = models.DateTimeField(db_index=True)


class GivenAnswer(IdModel):
    """What a text, a step of a menu or a call was answered, for when the provider tells it again."""

    phone_digest = models.BinaryField(max_length=32, db_index=True)
    event_digest = models.BinaryField(max_length=32, unique=True)
    sealed = models.TextField(blank=True)
    ends = models.BooleanField(default=True)
    # By the machine's clock, not the demonstration's.
    made_at = models.DateTimeField(db_default=Now(), db_index=True)
