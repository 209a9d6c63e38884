"""Removing what identity needs no more."""

from datetime import timedelta

from django.contrib.sessions.models import Session as Cookie

from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.models import (
    ContactChange,
    MfaChallenge,
    PasskeyChallenge,
    Session,
    SocketTicket,
    TotpEnrolment,
    User,
    VerificationCode,
)
from smartqueue.common.db import operation

# A registration whose code never came back.
PENDING_LIFE = timedelta(hours=24)
# A day after a change its identifier may vouch for another; it is asked for until then.
CONTACT_CHANGE_LIFE = timedelta(hours=25)
# Long enough to ask "was that me?", short enough to forget the device.
ENDED_SESSION_LIFE = timedelta(days=90)


@operation
def remove_expired() -> None:
    """
    Delete codes and unproven registrations of more than a day, sessions over for 90 days with their
    refresh tokens, and what lives for minutes only.
    """
    wall = wall_now()
    ContactChange.objects.filter(created_at__lt=wall - CONTACT_CHANGE_LIFE).delete()
    VerificationCode.objects.filter(created_at__lt=wall - PENDING_LIFE).delete()
    User.objects.filter(
        is_active=False,
        erased_at=None,
        email=None,
        phone=None,
        date_joined__lt=wall - PENDING_LIFE,
    ).delete()
    Session.objects.filter(expires_at__lt=wall).delete()
    Session.objects.filter(ended_at__lt=wall - ENDED_SESSION_LIFE).delete()
    MfaChallenge.objects.filter(expires_at__lt=wall).delete()
    PasskeyChallenge.objects.filter(expires_at__lt=wall).delete()
    TotpEnrolment.objects.filter(expires_at__lt=wall).delete()
    SocketTicket.objects.filter(expires_at__lt=wall).delete()
    Cookie.objects.filter(expire_date__lt=wall).delete()
