import httpx2
import pytest

from sandbox.providers.twilio import signature
from sandbox.tests.conftest import Control, Product

ACCOUNT, TOKEN = "AC00000000000000000000000000000000", "sandbox-twilio-token"
PATH = f"/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
PHONE = "+33612345678"


def send(http: httpx2.Client, *, password: str = TOKEN, **form: str) -> httpx2.Response:
    data = {"To": PHONE, "From": "+15005550006", "Body": "Your turn", **form}
    return http.post(PATH, data=data, auth=(ACCOUNT, password))


def test_the_signature_is_that_of_the_published_vector() -> None:
    form = {
        "To": "+18005551212",
        "Digits": "1234",
        "From": "+14158675309",
        "Caller": "+14158675309",
        "CallSid": "CA1234567890ABCDE",
    }

    signed = signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form)

    assert signed == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_a_message_is_queued_and_its_callbacks_are_signed(
    http: httpx2.Client, product: Product
) -> None:
    url = f"{product.url}/twilio/status/?attempt=1"

    response = send(http, StatusCallback=url)

    assert response.status_code == 201
    body = response.json()
    assert body["sid"].startswith("SM")
    assert (body["status"], body["num_segments"]) == ("queued", "1")
    assert (body["price"], body["error_code"]) == (None, None)
    assert body["date_created"].endswith("+0000")
    told = product.wait_for(2)
    assert [one.form["MessageStatus"] for one in told] == ["sent", "delivered"]
    for one in told:
        assert (one.form["MessageSid"], one.form["To"]) == (body["sid"], PHONE)
        assert one.headers["x-twilio-signature"] == signature(TOKEN, url, one.form)


def test_an_undelivered_message_says_why_and_can_be_asked_for(
    http: httpx2.Client, product: Product, control: Control
) -> None:
    control.rule(provider="twilio", receipts={"outcome": "failed"})

    sid = send(http, StatusCallback=f"{product.url}/status/").json()["sid"]

    assert product.wait_for(2)[1].form["ErrorCode"] == "30003"
    resource = http.get(PATH.replace(".json", f"/{sid}.json"), auth=(ACCOUNT, TOKEN)).json()
    assert (resource["status"], resource["error_code"]) == ("undelivered", 30003)
    listed = http.get(PATH, params={"To": PHONE}, auth=(ACCOUNT, TOKEN)).json()["messages"]
    assert [one["sid"] for one in listed] == [sid]


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"To": "0612345678"}, 400, 21211),
        ({"To": ""}, 400, 21604),
        ({"From": ""}, 400, 21603),
        ({"Body": ""}, 400, 21602),
        ({"Body": "x" * 1601}, 400, 21617),
        ({"password": "other"}, 401, 20003),
    ],
)
def test_a_wrong_request_gets_its_code(
    http: httpx2.Client, form: dict[str, str], status: int, code: int
) -> None:
    response = send(http, **form)

    assert response.status_code == status
    body = response.json()
    assert (body["code"], body["status"]) == (code, status)
    assert body["more_info"] == f"https://www.twilio.com/docs/errors/{code}"


def test_errors_come_on_command(http: httpx2.Client, control: Control) -> None:
    control.rule(provider="twilio", answer="refuse", error="21408", times=1)
    control.rule(provider="twilio", answer="refuse", error="20429", times=1)

    answers = [send(http) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [429, 400, 201]
    assert [answer.json().get("code") for answer in answers] == [20429, 21408, None]


def test_stop_keeps_further_messages_away_until_start(
    http: httpx2.Client, product: Product, control: Control
) -> None:
    control.call("POST", f"phones/{PHONE}/sms", text="stop", provider="twilio")
    refused = send(http)
    control.call("POST", f"phones/{PHONE}/sms", text="START", provider="twilio")

    assert refused.json()["code"] == 21610
    assert send(http).status_code == 201
    assert [one.form["OptOutType"] for one in product.wait_for(2)] == ["STOP", "START"]


def test_an_inbound_message_is_signed_and_its_answer_reaches_the_phone(
    product: Product, control: Control
) -> None:
    product.answer = lambda told: (
        200,
        "<Response><Message>A042</Message><Message><Body>Deux</Body></Message></Response>",
    )

    control.call("POST", f"phones/{PHONE}/sms", text="JOIN", provider="twilio")

    [told] = product.wait_for(1)
    url = f"{product.url}/api/notifications/webhooks/twilio/inbound/"
    assert told.headers["x-twilio-signature"] == signature(TOKEN, url, told.form)
    assert (told.form["From"], told.form["Body"], told.form["To"]) == (
        PHONE,
        "JOIN",
        "+15005550006",
    )
    assert [(one["direction"], one["text"]) for one in control.messages()] == [
        ("to_phone", "Deux"),
        ("to_phone", "A042"),
        ("from_phone", "JOIN"),
    ]


def test_a_missed_call_is_one_that_the_product_rejects(product: Product, control: Control) -> None:
    product.answer = lambda told: (200, "<Response><Reject/></Response>")
    rejected = control.call("POST", f"phones/{PHONE}/call", provider="twilio")
    product.answer = lambda told: (200, "<Response><Say>Hello</Say></Response>")
    answered = control.call("POST", f"phones/{PHONE}/call", provider="twilio")

    assert rejected["message"]["text"] == "Missed call"
    assert answered["message"]["text"] == "Call answered: not free"
    assert product.told[0].form["CallStatus"] == "ringing"
