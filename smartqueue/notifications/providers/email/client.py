"""E-mail through Django's configured backend (SMTP)."""

import smtplib

from django.core.mail import EmailMessage

from smartqueue.notifications.providers.base import ProviderError


def send(*, recipient: str, subject: str, body: str, reference: str) -> None:
    """
    Hand one message to the mail server; `reference` makes its Message-ID, the same at every try.

    :raises ProviderError: refused for good, or not now
    """
    message = EmailMessage(
        subject, body, to=[recipient], headers={"Message-ID": f"<{reference}@smartqueue>"}
    )
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise ProviderError("recipient_refused", retryable=all(c < 500 for c in codes)) from error
    except smtplib.SMTPResponseException as error:
        raise ProviderError(f"smtp_{error.smtp_code}", retryable=error.smtp_code < 500) from error
    except (smtplib.SMTPException, OSError) as error:
        raise ProviderError(type(error).__name__, retryable=True) from error
