import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from sandbox.server import Sandbox
from sandbox.tests.conftest import Control

TO = "fatou@example.org"


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=5) as client:
        yield client


def mail(subject: str = "Votre tour") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "no-reply@example.org", TO
    message["Message-ID"] = "<attempt-1@example.org>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content("Ticket A042, à vous.\n")
    message.add_alternative("<p>Ticket <b>A042</b>, à vous.</p>", subtype="html")
    message.add_attachment(
        b"BEGIN:VCALENDAR", maintype="text", subtype="calendar", filename="a.ics"
    )
    return message


def test_an_e_mail_is_taken_apart(client: smtplib.SMTP, control: Control) -> None:
    client.login("anybody", "anything")
    client.send_message(mail())

    [kept] = control.call("GET", f"mails?to={TO}")["mails"]
    assert (kept["subject"], kept["recipients"]) == ("Votre tour", [TO])
    assert kept["plain"] == "Ticket A042, à vous.\n"
    assert kept["html"].strip() == "<p>Ticket <b>A042</b>, à vous.</p>"
    assert kept["attachments"] == [{"name": "a.ics", "type": "text/calendar"}]
    assert kept["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert control.counts(provider="smtp", by="reference", keys="1")["keys"] == {
        "<attempt-1@example.org>": 1
    }


def test_a_mailbox_can_be_unknown(client: smtplib.SMTP, control: Control) -> None:
    control.rule(provider="smtp", to="nobody@*", answer="refuse")
    control.rule(provider="smtp", to="full@*", answer="refuse", error="552 5.2.2 Mailbox full")

    refused = client.send_message(mail(), to_addrs=[TO, "nobody@example.org", "full@example.org"])

    assert refused == {
        "nobody@example.org": (550, b"5.1.1 The mailbox does not exist"),
        "full@example.org": (552, b"5.2.2 Mailbox full"),
    }
    assert control.call("GET", "mails")["mails"][0]["recipients"] == [TO]


def test_a_server_can_be_busy(client: smtplib.SMTP, control: Control) -> None:
    control.rule(provider="smtp", answer="server_error", times=1)

    with pytest.raises(smtplib.SMTPDataError) as failure:
        client.send_message(mail())

    assert failure.value.smtp_code == 451
    assert control.call("GET", "mails")["mails"] == []
    client.send_message(mail())
    assert len(control.call("GET", "mails")["mails"]) == 1


def test_a_server_can_take_an_e_mail_and_cut_the_connection(
    sandbox: Sandbox, control: Control
) -> None:
    control.rule(provider="smtp", answer="cut_after", times=1)
    client = smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=5)

    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        client.send_message(mail())

    client.close()
    assert len(control.call("GET", "mails")["mails"]) == 1


def test_a_server_can_take_an_e_mail_and_hang(sandbox: Sandbox, control: Control) -> None:
    control.rule(provider="smtp", answer="hang_after", hang_seconds=30, times=1)
    client = smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=0.5)

    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        client.send_message(mail())

    client.close()
    assert len(control.call("GET", "mails")["mails"]) == 1
