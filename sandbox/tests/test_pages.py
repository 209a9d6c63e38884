import smtplib
from email.message import EmailMessage

import httpx2
import pytest

from sandbox.server import Sandbox
from sandbox.settings import read
from sandbox.tests.conftest import Control, Product

PHONE = "+221771234567"
PAGE = f"/phones/{PHONE}"


def post(http: httpx2.Client, action: str, **form: str) -> httpx2.Response:
    return http.post(f"{PAGE}/{action}", data=form or {"go": "1"}, follow_redirects=True)


def test_a_number_is_picked_as_people_write_it(http: httpx2.Client) -> None:
    response = http.post("/phones", data={"number": "77 123 45 67"})

    assert (response.status_code, response.headers["location"]) == (303, "/phones/%2B221771234567")
    wrong = http.post("/phones", data={"number": "hello"})
    assert (wrong.status_code, "That is no phone number" in wrong.text) == (422, True)


def test_a_phone_shows_what_came_and_what_it_answered(
    http: httpx2.Client, product: Product
) -> None:
    http.get(
        "/lafricamobile/api",
        params={
            "accountid": "sandbox-lam",
            "password": "sandbox-lam-password",
            "sender": "SmartQueue",
            "to": PHONE,
            "text": "<b>A042</b> {{ 7 * 7 }}",
        },
    )
    page = post(http, "sms", text="MERCI")

    assert page.status_code == 200
    assert "&lt;b&gt;A042&lt;/b&gt; {{ 7 * 7 }}" in page.text
    assert "MERCI" in page.text
    [told] = product.told
    assert told.path == "/api/notifications/webhooks/lafricamobile/inbound/"
    assert "MERCI" in http.get(f"{PAGE}/messages").text
    assert "+221 77 123 45 67" in http.get("/").text


def test_a_menu_is_dialled_answered_and_closed(http: httpx2.Client, product: Product) -> None:
    answers = {"": "CON Menu\n1. Ticket", "1": "END Ticket A042"}
    product.answer = lambda told: (200, answers.get(told.form.get("text", "-"), ""))

    dialled = post(http, "dial", code="*245#")
    answered = post(http, "key-in", text="1")
    closed = post(http, "close")

    assert "Menu\n1. Ticket" in dialled.text
    assert "Ticket A042" in answered.text
    assert 'name="code"' in closed.text
    late = post(http, "key-in", text="1")
    assert (late.status_code, "no menu is open" in late.text) == (422, True)


def test_a_missed_call_is_noted(http: httpx2.Client, product: Product) -> None:
    product.answer = lambda told: (200, "<Response><Reject/></Response>")

    assert "Missed call" in post(http, "call", to="33 961 00 01").text
    assert product.told[0].form["destinationNumber"] == "+221339610001"
    assert "is no phone number" in post(http, "call", to="nobody").text


def test_a_phone_offers_what_the_product_understands(
    http: httpx2.Client, product: Product, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = read([], {"SANDBOX_TEXTS": "MAIRIE A, PLACE,"})
    assert given.texts == ("MAIRIE A", "PLACE")
    monkeypatch.setattr(sandbox.world, "settings", given)

    assert 'name="text" value="MAIRIE A"' in http.get(PAGE).text
    post(http, "sms", text="MAIRIE A")
    assert product.told[0].form["text"] == "MAIRIE A"
    for way in ("24500", "*245#", "+221 33 800 00 00"):
        assert way in http.get("/").text


def test_a_product_that_does_not_answer_shows_on_the_phone(
    http: httpx2.Client, product: Product
) -> None:
    product.answer = lambda told: (404, "")

    assert "The product answered 404." in post(http, "sms", text="JOIN").text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/phones/nobody", 404),
        ("POST", f"{PAGE}/explode", 404),
        ("GET", "/mailbox/e0", 404),
        ("GET", "/mailbox/e0/html", 404),
        ("GET", "/static/sandbox.css", 200),
        ("GET", "/static/../views.py", 404),
        ("GET", "/", 200),
        ("GET", "/mailbox", 200),
    ],
)
def test_pages_are_found_or_not(http: httpx2.Client, method: str, path: str, status: int) -> None:
    form = {"go": "1"} if method == "POST" else None

    assert http.request(method, path, data=form).status_code == status


def test_an_e_mail_is_shown_without_power_over_the_page(
    http: httpx2.Client, sandbox: Sandbox, control: Control
) -> None:
    message = EmailMessage()
    message["Subject"], message["From"] = "<i>Tour</i>", "no-reply@example.org"
    message["To"] = "fatou@example.org"
    message.set_content("Bonjour")
    message.add_alternative("<script>alert(1)</script><p>Bonjour</p>", subtype="html")
    message.add_attachment(b"PDF", maintype="application", subtype="pdf", filename="réçu.pdf")
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=5) as client:
        client.send_message(message)
    [kept] = control.call("GET", "mails")["mails"]
    place = f"/mailbox/{kept['id']}"

    page, html = http.get(place), http.get(f"{place}/html")
    attachment = http.get(f"{place}/attachments/0")

    assert "&lt;i&gt;Tour&lt;/i&gt;" in http.get("/mailbox").text
    assert ("alert(1)" in page.text, "alert(1)" in html.text) == (False, True)
    assert html.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert attachment.content == b"PDF"
    assert attachment.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''r%C3%A9%C3%A7u.pdf"
    )
    assert http.get(f"{place}/attachments/1").status_code == 404
    assert "Subject: <i>Tour</i>" in http.get(f"{place}/source").text
