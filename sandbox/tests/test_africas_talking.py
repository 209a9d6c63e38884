from collections.abc import Iterator

import httpx2
import pytest

from sandbox.tests.conftest import Control, Product, Told

PHONE = "+221701234567"
HEADERS = {"apiKey": "sandbox-at-key", "Accept": "application/json"}
WEBHOOKS = "/api/notifications/webhooks/africas-talking"


def send(http: httpx2.Client, headers: dict[str, str] = HEADERS, **form: str) -> httpx2.Response:
    data = {"username": "sandbox", "to": PHONE, "message": "Bonjour", "bulkSMSMode": "1", **form}
    return http.post("/africas-talking/version1/messaging", data=data, headers=headers)


def test_a_message_is_answered_per_recipient_and_reported(
    http: httpx2.Client, product: Product
) -> None:
    response = send(http, to=f"{PHONE},0701234567")

    assert response.status_code == 201
    data = response.json()["SMSMessageData"]
    assert data["Message"] == "Sent to 1/2 Total Cost: XOF 20"
    sent, wrong = data["Recipients"]
    message_id = sent.pop("messageId")
    assert message_id.startswith("ATXid_")
    assert sent == {"statusCode": 101, "number": PHONE, "status": "Success", "cost": "XOF 20"}
    assert (wrong["statusCode"], wrong["status"]) == (403, "InvalidPhoneNumber")
    told = product.wait_for(2)
    assert {one.path for one in told} == {f"{WEBHOOKS}/receipts/"}
    assert [one.form for one in told] == [
        {"id": message_id, "status": status, "phoneNumber": PHONE, "networkCode": "60803"}
        for status in ("Submitted", "Success")
    ]


def test_without_asking_for_json_the_answer_is_xml(http: httpx2.Client) -> None:
    response = send(http, {"apiKey": "sandbox-at-key"})

    assert response.headers["content-type"] == "application/xml"
    assert f"<number>{PHONE}</number><status>Success</status>" in response.text


def test_failures_are_inside_the_answer(
    http: httpx2.Client, product: Product, control: Control
) -> None:
    control.rule(provider="africas_talking", answer="refuse", error="406", times=1)
    blacklisted = send(http).json()["SMSMessageData"]["Recipients"][0]
    control.call("PUT", "balances", africas_talking=0)
    broke = send(http).json()["SMSMessageData"]["Recipients"][0]
    control.call("PUT", "balances", africas_talking=None)
    control.rule(receipts={"outcome": "failed"}, times=1)
    send(http)

    assert (blacklisted["statusCode"], blacklisted["status"]) == (406, "UserInBlacklist")
    assert (broke["statusCode"], broke["status"]) == (405, "InsufficientBalance")
    assert product.wait_for(2)[1].form["failureReason"] == "DeliveryFailure"
    balance = http.get(
        "/africas-talking/version1/user", params={"username": "sandbox"}, headers=HEADERS
    ).json()
    assert balance["UserData"]["balance"].startswith("XOF ")


@pytest.mark.parametrize(
    ("headers", "form", "status"),
    [
        ({"apiKey": "other"}, {}, 401),
        (HEADERS, {"username": "other"}, 401),
        (HEADERS, {"message": ""}, 400),
        (HEADERS, {"to": ""}, 400),
    ],
)
def test_a_wrong_request_is_refused(
    http: httpx2.Client, headers: dict[str, str], form: dict[str, str], status: int
) -> None:
    assert send(http, headers, **form).status_code == status


def test_a_phone_answers_by_form(product: Product, control: Control) -> None:
    control.call("POST", f"phones/{PHONE}/sms", text="JOIN PLATEAU")

    [told] = product.wait_for(1)
    assert told.path == f"{WEBHOOKS}/inbound/"
    form = told.form
    assert (form["from"], form["to"], form["text"]) == (PHONE, "24500", "JOIN PLATEAU")
    assert set(form) == {"date", "from", "id", "linkId", "text", "to", "networkCode"}


def test_a_missed_call_rings_and_ends(product: Product, control: Control) -> None:
    product.answer = lambda told: (200, "<Response><Reject/></Response>")

    called = control.call("POST", f"phones/{PHONE}/call")

    assert called["message"]["text"] == "Missed call"
    ringing, ended = product.wait_for(2)
    assert (ringing.form["isActive"], ringing.form["callerNumber"]) == ("1", PHONE)
    assert (ended.form["isActive"], ended.form["durationInSeconds"]) == ("0", "0")
    assert ringing.form["sessionId"] == ended.form["sessionId"]


def menu(told: Told) -> tuple[int, str]:
    if told.path != f"{WEBHOOKS}/ussd/":
        return 200, ""
    answers = {
        "": "CON SmartQueue\n1. Prendre un ticket",
        "1": "CON Code du lieu ?",
        "1*PLT": "END Ticket A042",
    }
    return 200, answers.get(told.form["text"], "END Erreur")


def ussd_steps(product: Product) -> Iterator[dict[str, str]]:
    return (one.form for one in product.told if one.path == f"{WEBHOOKS}/ussd/")


def test_a_menu_goes_on_with_all_inputs_until_the_end(product: Product, control: Control) -> None:
    product.answer = menu

    first = control.call("POST", f"phones/{PHONE}/ussd", code="*245#")
    second = control.call("POST", f"phones/{PHONE}/ussd/reply", text="1")
    third = control.call("POST", f"phones/{PHONE}/ussd/reply", text="PLT")

    assert [step["screen"] for step in (first, second, third)] == [
        "SmartQueue\n1. Prendre un ticket",
        "Code du lieu ?",
        "Ticket A042",
    ]
    assert [step["open"] for step in (first, second, third)] == [True, True, False]
    steps = list(ussd_steps(product))
    assert [step["text"] for step in steps] == ["", "1", "1*PLT"]
    assert {(step["sessionId"], step["serviceCode"], step["phoneNumber"]) for step in steps} == {
        (first["session"], "*245#", PHONE)
    }
    ended = product.told[-1]
    assert (ended.path, ended.form["status"]) == ("/ussd-events/", "Success")
    assert (ended.form["input"], ended.form["hopsCount"]) == ("1*PLT", "3")


def test_a_long_code_is_a_menu_keyed_in_at_once(product: Product, control: Control) -> None:
    product.answer = menu

    answer = control.call("POST", f"phones/{PHONE}/ussd", code="*245*1*PLT#")

    assert answer["screen"] == "Ticket A042"
    assert [step["text"] for step in ussd_steps(product)] == ["1*PLT"]


def test_a_lost_session_is_reported_and_the_next_is_another(
    product: Product, control: Control
) -> None:
    product.answer = menu
    first = control.call("POST", f"phones/{PHONE}/ussd", code="*245#")

    lost = control.call("POST", f"phones/{PHONE}/ussd/drop")

    assert (lost["open"], lost["problem"]) == (False, "The connection was lost.")
    assert product.told[-1].form["status"] == "Failed"
    response = control.client.post(f"/control/phones/{PHONE}/ussd/reply", json={"text": "1"})
    assert response.status_code == 422
    again = control.call("POST", f"phones/{PHONE}/ussd", code="*245#")
    assert again["session"] != first["session"]


@pytest.mark.parametrize(
    ("status", "text", "problem"),
    [
        (200, "Bonjour", "Network error: the answer begins neither with CON nor with END"),
        (200, "CONFIRM", "Network error: the answer begins neither with CON nor with END"),
        (200, "END " + "x" * 183, "Network error: 183 characters are more than 182"),
        (500, "END Erreur", "Network error: HTTP 500"),
    ],
)
def test_what_the_network_cannot_show_ends_the_menu(
    product: Product, control: Control, status: int, text: str, problem: str
) -> None:
    product.answer = lambda told: (status, text)

    answer = control.call("POST", f"phones/{PHONE}/ussd", code="*245#")

    assert (answer["open"], answer["problem"]) == (False, problem)
    assert len(list(ussd_steps(product))) == 1


def test_an_unknown_code_never_reaches_the_product(product: Product, control: Control) -> None:
    answer = control.call("POST", f"phones/{PHONE}/ussd", code="*999#")

    assert answer["problem"] == "Connection problem or invalid MMI code."
    assert product.told == []
