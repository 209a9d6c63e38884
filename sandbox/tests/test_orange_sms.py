import json
import time
from typing import Any

import httpx2
import pytest

from sandbox.tests.conftest import Control, Product

PATH = "/orange/smsmessaging/v1/outbound/tel%3A%2B2210000/requests"
PHONE = "+221771234567"


def token(http: httpx2.Client) -> str:
    response = http.post(
        "/orange/oauth/v3/token",
        data={"grant_type": "client_credentials"},
        auth=("sandbox-orange", "sandbox-orange-secret"),
    )
    assert response.status_code == 200
    body = response.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", "3600")
    return str(body["access_token"])


def message(text: str = "Votre tour", **more: Any) -> dict[str, Any]:
    part = {
        "address": f"tel:{PHONE}",
        "senderAddress": "tel:+2210000",
        "senderName": "SmartQueue",
        "outboundSMSTextMessage": {"message": text},
        **more,
    }
    return {"outboundSMSMessageRequest": part}


@pytest.fixture
def headers(http: httpx2.Client) -> dict[str, str]:
    return {"authorization": f"Bearer {token(http)}"}


def send(http: httpx2.Client, headers: dict[str, str], **more: Any) -> httpx2.Response:
    return http.post(PATH, json=message(**more), headers=headers)


def test_a_sent_message_comes_back_with_its_resource_and_reaches_the_phone(
    http: httpx2.Client, headers: dict[str, str], control: Control
) -> None:
    response = send(http, headers, clientCorrelator="attempt-1")

    assert response.status_code == 201
    answer = response.json()["outboundSMSMessageRequest"]
    assert answer["address"] == [f"tel:{PHONE}"]
    assert answer["senderAddress"] == "tel:+2210000"
    assert answer["outboundSMSTextMessage"] == {"message": "Votre tour"}
    resource = answer["resourceURL"].rpartition("/")[2]
    assert answer["resourceURL"].endswith(
        f"/smsmessaging/v1/outbound/tel:+2210000/requests/{resource}"
    )
    [kept] = control.messages(phone=PHONE)
    assert (kept["text"], kept["peer"]) == ("Votre tour", "SmartQueue")
    assert (kept["provider_id"], kept["reference"]) == (resource, "attempt-1")


def test_receipts_come_in_order_and_carry_the_resource(
    http: httpx2.Client, headers: dict[str, str], product: Product
) -> None:
    resource = send(http, headers).json()["outboundSMSMessageRequest"]["resourceURL"]

    told = product.wait_for(2)

    assert {one.path for one in told} == {"/api/notifications/webhooks/orange-sms/receipts/"}
    assert [json.loads(one.body) for one in told] == [
        {
            "deliveryInfoNotification": {
                "callbackData": resource.rpartition("/")[2],
                "deliveryInfo": {"address": f"tel:{PHONE}", "deliveryStatus": status},
            }
        }
        for status in ("DeliveredToNetwork", "DeliveredToTerminal")
    ]


def test_the_correlator_comes_back_where_that_reading_is_chosen(
    http: httpx2.Client, headers: dict[str, str], product: Product, control: Control
) -> None:
    control.call("PUT", "options", orange_callback_data="correlator")

    send(http, headers, clientCorrelator="attempt-2")

    notification = json.loads(product.wait_for(2)[0].body)["deliveryInfoNotification"]
    assert notification["callbackData"] == "attempt-2"


@pytest.mark.parametrize(
    ("more", "code", "variable"),
    [
        ({"address": "771234567"}, "SVC0004", "address"),
        ({"address": f"tel:{PHONE[1:]}"}, "SVC0004", "address"),
        ({"senderAddress": "tel:+2211111"}, "SVC0002", "senderAddress"),
        ({"senderName": "TwelveLetter"}, "SVC0002", "senderName"),
        ({"outboundSMSTextMessage": {"message": ""}}, "SVC0002", "outboundSMSTextMessage"),
    ],
)
def test_a_wrong_field_is_refused_by_name(
    http: httpx2.Client,
    headers: dict[str, str],
    control: Control,
    more: dict[str, Any],
    code: str,
    variable: str,
) -> None:
    response = send(http, headers, **more)

    assert response.status_code == 400
    exception = response.json()["requestError"]["serviceException"]
    assert (exception["messageId"], exception["variables"]) == (code, [variable])
    assert control.messages() == []


def test_the_sender_in_the_path_has_to_be_encoded(
    http: httpx2.Client, headers: dict[str, str]
) -> None:
    path = "/orange/smsmessaging/v1/outbound/tel:+2210000/requests"

    response = http.post(path, json=message(), headers=headers)

    assert response.status_code == 400


def test_tokens_are_asked_for_and_expire(
    http: httpx2.Client, headers: dict[str, str], control: Control
) -> None:
    nobody = http.post(
        "/orange/oauth/v3/token", data={"grant_type": "client_credentials"}, auth=("a", "b")
    )
    control.call("POST", "tokens/expire", provider="orange_sms")

    codes = [
        send(http, given).json()["code"]
        for given in ({}, {"authorization": "Bearer other"}, headers)
    ]

    assert nobody.status_code == 401
    assert codes == [40, 41, 42]
    expired = send(http, headers)
    assert (expired.status_code, expired.json()["message"]) == (401, "Expired credentials")
    assert send(http, {"authorization": f"Bearer {token(http)}"}).status_code == 201


def test_the_token_server_can_be_down(http: httpx2.Client, control: Control) -> None:
    control.rule(provider="orange_sms_token", answer="server_error", times=1)
    form = {"grant_type": "client_credentials"}
    account = ("sandbox-orange", "sandbox-orange-secret")

    failed = http.post("/orange/oauth/v3/token", data=form, auth=account)

    assert failed.status_code == 503
    assert token(http)


def test_units_are_used_up_and_then_the_bundle_is_empty(
    http: httpx2.Client, headers: dict[str, str], control: Control
) -> None:
    control.call("PUT", "balances", orange_sms=3)

    def units() -> Any:
        contracts = http.get("/orange/sms/admin/v1/contracts?country=SEN", headers=headers).json()
        return contracts[0]["availableUnits"]

    assert send(http, headers, text="é" * 161).status_code == 201
    assert units() == 1
    refused = send(http, headers, text="ê" * 71)
    assert refused.status_code == 403
    assert refused.json()["requestError"]["policyException"]["messageId"] == "POL0001"
    assert units() == 1
    control.call("PUT", "options", orange_contracts="nested")
    nested = http.get("/orange/sms/admin/v1/contracts?country=SEN", headers=headers).json()
    contracts = nested["partnerContracts"]["contracts"]
    assert contracts[0]["serviceContracts"][0]["availableUnits"] == 1


def test_above_the_rate_there_are_too_many(
    http: httpx2.Client, headers: dict[str, str], control: Control
) -> None:
    control.call("PUT", "limits", orange_sms=1)

    # On a slow machine two may lie a second apart.
    answers = [send(http, headers) for _ in range(5)]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert answers[0].status_code == 201
    assert refused[0].json()["code"] == 53
    assert control.counts(provider="orange_sms")["total"] == 5 - len(refused)


def test_a_refusal_on_command_counts_as_received_only(
    http: httpx2.Client, headers: dict[str, str], control: Control
) -> None:
    control.rule(provider="orange_sms", to=PHONE, answer="refuse", error="POL0001", times=1)

    refused, taken = send(http, headers), send(http, headers)

    assert (refused.status_code, taken.status_code) == (403, 201)
    assert control.counts(of="accepted")["total"] == 1
    received = control.counts(of="received")
    assert received["repeated"] == {f"{PHONE}\nVotre tour": 2}
    assert received["outcomes"] == {"accepted": 1, "refused": 1}


def test_a_gateway_may_accept_and_never_say_so(
    http: httpx2.Client, headers: dict[str, str], control: Control, product: Product
) -> None:
    control.rule(answer="hang_after", hang_seconds=30, times=1)
    control.rule(answer="cut_after", times=1)

    with pytest.raises(httpx2.RemoteProtocolError):
        send(http, headers, clientCorrelator="cut")
    with pytest.raises(httpx2.ReadTimeout):
        http.post(PATH, json=message(clientCorrelator="hung"), headers=headers, timeout=0.2)

    assert len(product.wait_for(4)) == 4
    assert control.counts(by="reference", keys="1")["keys"] == {"cut": 1, "hung": 1}


def test_a_gateway_may_fail_before_it_accepts(
    http: httpx2.Client, headers: dict[str, str], control: Control
) -> None:
    control.rule(answer="server_error", error="502", retry_after=7, times=1)
    control.rule(answer="cut_before", times=1)
    control.rule(answer="garbage", to="+22178*", times=1)

    with pytest.raises(httpx2.RemoteProtocolError):
        send(http, headers)
    failed = send(http, headers)
    garbage = send(http, headers, address="tel:+221781234567")

    assert (failed.status_code, failed.headers["retry-after"]) == (502, "7")
    assert (garbage.status_code, garbage.headers["content-type"]) == (
        200,
        "text/html; charset=utf-8",
    )
    assert [one["phone"] for one in control.messages()] == ["+221781234567"]


def test_a_slow_answer_takes_its_time(
    http: httpx2.Client, headers: dict[str, str], control: Control
) -> None:
    control.rule(delay_seconds=0.3, times=1)
    began = time.monotonic()

    assert send(http, headers).status_code == 201

    assert time.monotonic() - began >= 0.3


def test_receipts_double_and_turn_around_and_come_late(
    http: httpx2.Client, headers: dict[str, str], control: Control, product: Product
) -> None:
    control.rule(receipts={"copies": 2, "reverse": True, "delay_seconds": 0.3})
    began = time.monotonic()

    send(http, headers)

    statuses = [
        json.loads(one.body)["deliveryInfoNotification"]["deliveryInfo"]["deliveryStatus"]
        for one in product.wait_for(4)
    ]
    assert time.monotonic() - began >= 0.3
    assert statuses == ["DeliveredToTerminal"] * 2 + ["DeliveredToNetwork"] * 2


def test_a_receipt_can_be_withheld_and_sent_by_hand(
    http: httpx2.Client, headers: dict[str, str], control: Control, product: Product
) -> None:
    control.rule(receipts={"send": False})
    send(http, headers)
    [kept] = control.messages()
    control.quiet()
    assert product.told == []

    control.call("POST", f"messages/{kept['id']}/receipts", status="DeliveryImpossible")

    [told] = product.wait_for(1)
    info = json.loads(told.body)["deliveryInfoNotification"]["deliveryInfo"]
    assert info["deliveryStatus"] == "DeliveryImpossible"


def test_a_receipt_is_repeated_while_the_product_fails(
    http: httpx2.Client, headers: dict[str, str], control: Control, product: Product
) -> None:
    product.answer = lambda told: (503 if len(product.told) < 2 else 200, "")
    control.rule(receipts={"outcome": "failed"})

    send(http, headers)
    control.quiet()

    assert len(product.told) == 3
    [sent] = control.client.get("/control/callbacks").json()["sent"]
    assert (sent["attempts"], sent["status"]) == (3, 200)


def test_a_phone_answers_in_the_form_of_inbound_messages(
    product: Product, control: Control
) -> None:
    control.call("POST", f"phones/{PHONE}/sms", text="STOP é", provider="orange_sms")

    [told] = product.wait_for(1)
    assert told.path == "/api/notifications/webhooks/orange-sms/inbound/"
    inbound = json.loads(told.body)["inboundSMSMessageNotification"]["inboundSMSMessage"]
    assert inbound.pop("messageId")
    assert inbound.pop("dateTime").endswith("Z")
    assert inbound == {
        "destinationAddress": "tel:+2210000",
        "message": "STOP é",
        "senderAddress": f"tel:{PHONE}",
    }
