"""E-mail over SMTP, through Django's configured backend."""

import contextlib
import smtplib
from email.encoders import encode_base64
from email.mime.base import MIMEBase
from email.mime.text import MIMEText
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from smartqueue.notifications.providers.base import (
    Attachment,
    OutcomeUnknown,
    Outgoing,
    ProviderError,
)
from smartqueue.notifications.providers.email import frame, mapping


def message_id(reference: str) -> str:
    """Return the Message-ID of an attempt, which bounces name."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{reference}@{domain}>"


def send(message: Outgoing) -> None:
    """
    Hand one message to the mail server.

    :raises ProviderError: refused for good, or not now
    :raises OutcomeUnknown: the connection broke, perhaps after the server had it
    """
    mail = composed(message)
    connection = mail.connection = get_connection()
    try:
        _open(connection)
        _hand_over(mail)
    finally:
        # The server has answered by now: how it takes leave changes nothing.
        with contextlib.suppress(smtplib.SMTPException, OSError):
            connection.close()


def _open(connection: Any) -> None:
    """Reach the server; a connection that breaks here has carried nothing of the message."""
    try:
        connection.open()
    except smtplib.SMTPResponseException as error:
        raise mapping.refusal(error.smtp_code, error.smtp_error, is_recipient=False) from error
    except (smtplib.SMTPException, OSError) as error:
        raise ProviderError("unreachable", retryable=True) from error


def _hand_over(mail: EmailMultiAlternatives) -> None:
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        answers = list(error.recipients.values())
        code, text = answers[0] if answers else (550, b"")
        raise mapping.refusal(code, text, is_recipient=True) from error
    except smtplib.SMTPResponseException as error:
        raise mapping.refusal(error.smtp_code, error.smtp_error, is_recipient=False) from error
    except (smtplib.SMTPServerDisconnected, TimeoutError) as error:
        raise OutcomeUnknown("no_answer") from error
    except (ValueError, smtplib.SMTPNotSupportedError) as error:
        # A line break in a header, or an address that the server cannot be told.
        raise ProviderError("unsendable", retryable=False) from error
    except (smtplib.SMTPException, OSError) as error:
        raise ProviderError("unreachable", retryable=True) from error


def composed(message: Outgoing) -> EmailMultiAlternatives:
    """Return a mail with its plain and its HTML part, and what hangs on it."""
    headers = {
        "Message-ID": message_id(str(message.reference)),
        "Auto-Submitted": "auto-generated",
    }
    if language := message.data.get("language"):
        headers["Content-Language"] = language
    if message.unsubscribe_url:
        headers["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    subject = " ".join(message.subject.split()) or "SmartQueue"
    mail = EmailMultiAlternatives(
        subject, frame.plain(message), to=[message.recipient], headers=headers
    )
    mail.attach_alternative(frame.html(message), "text/html")
    for file in message.attachments:
        mail.attach(_part(file))
    return mail


def _part(file: Attachment) -> MIMEBase:
    """Return a file as a part; a calendar's says in its type what the calendar is asked to do."""
    kind, *rest = (part.strip() for part in file.content_type.split(";"))
    if kind.startswith("text/"):
        part: MIMEBase = MIMEText(file.content.decode(), kind.partition("/")[2], "utf-8")
    else:
        main, _, sub = kind.partition("/")
        part = MIMEBase(main, sub or "octet-stream")
        part.set_payload(file.content)
        encode_base64(part)
    for parameter in rest:
        name, _, value = parameter.partition("=")
        if name.lower() != "charset":
            part.set_param(name, value.strip('"'))
    part.add_header("Content-Disposition", "attachment", filename=file.name)
    return part
