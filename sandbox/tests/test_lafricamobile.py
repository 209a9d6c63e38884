from typing import Any

import httpx2
import pytest

from sandbox.tests.conftest import Control, Product

PHONE = "+221761234567"
ACCOUNT = {"accountid": "sandbox-lam", "password": "sandbox-lam-password"}


def push(product: Product, **more: Any) -> dict[str, Any]:
    return {
        **ACCOUNT,
        "sender": "SmartQueue",
        "text": "C'est à vous",
        "to": PHONE,
        "ret_id": "attempt-1",
        "ret_url": f"{product.url}/lam/secret/?a=b",
        **more,
    }


def test_a_push_by_json_is_receipted_by_get(
    http: httpx2.Client, product: Product, control: Control
) -> None:
    response = http.post("/lafricamobile/api", json=push(product))

    assert response.status_code == 200
    push_id = response.text
    assert push_id.isdecimal()
    told = product.wait_for(2)
    assert [(one.method, one.path, one.query) for one in told] == [
        (
            "GET",
            "/lam/secret/",
            {
                "a": "b",
                "push_id": push_id,
                "ret_id": "attempt-1",
                "to": PHONE[1:],
                "status": status,
                "text": "C'est à vous",
            },
        )
        for status in ("SENT", "RECEIVED")
    ]
    assert control.counts(by="reference", keys="1")["keys"] == {"attempt-1": 1}


def test_the_other_readings_give_json_and_numbers(
    http: httpx2.Client, product: Product, control: Control
) -> None:
    control.call("PUT", "options", lam_answer="json", lam_status="number")

    answer = http.post("/lafricamobile/api", json=push(product)).json()

    told = product.wait_for(2)
    assert [one.query["status"] for one in told] == ["4", "6"]
    assert {one.query["push_id"] for one in told} == {answer["push_id"]}


def test_several_numbers_go_each_with_its_own_id(
    http: httpx2.Client, product: Product, control: Control
) -> None:
    to = [{"one": "221761234567"}, {"two": "221701234567"}]

    http.post("/lafricamobile/api", json=push(product, to=to))

    found = {(one["reference"], one["phone"]) for one in control.messages()}
    assert found == {("one", "+221761234567"), ("two", "+221701234567")}


def test_query_and_xml_are_taken_as_well(http: httpx2.Client, control: Control) -> None:
    xml = (
        '<push accountid="sandbox-lam" password="sandbox-lam-password" sender="SmartQueue" '
        'ret_id="x" ret_url=""><message><text>Bonjour</text><to>221761234567</to></message></push>'
    )
    query = {**ACCOUNT, "text": "Bonjour", "to": PHONE, "sender": "SmartQueue"}

    answers = [
        http.get("/lafricamobile/api", params=query),
        http.get("/lafricamobile/api", params={"xml": xml}),
        http.post("/lafricamobile/api", content=xml, headers={"content-type": "text/xml"}),
    ]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert [(one["phone"], one["text"]) for one in control.messages()] == [(PHONE, "Bonjour")] * 3


def test_a_failure_comes_with_a_push_id_and_shows_in_the_receipt(
    http: httpx2.Client, product: Product, control: Control
) -> None:
    control.rule(provider="lafricamobile", answer="refuse", error="ERROR_NPAI", times=1)
    failed = http.post("/lafricamobile/api", json=push(product))
    assert product.wait_for(1)[0].query["status"] == "ERROR_NPAI"

    control.call("PUT", "balances", lafricamobile=0)
    broke = http.post("/lafricamobile/api", json=push(product))

    assert (failed.status_code, broke.status_code) == (200, 200)
    assert product.wait_for(2)[1].query["status"] == "ERROR_CREDIT"
    assert control.messages() == []
    assert control.counts(of="received")["outcomes"] == {"refused": 2}


@pytest.mark.parametrize(
    "more",
    [
        {"sender": "1Smart"},
        {"sender": "TwelveLetter"},
        {"text": ""},
        {"to": "12"},
        {"to": []},
    ],
)
def test_a_wrong_field_is_refused(
    http: httpx2.Client, product: Product, control: Control, more: dict[str, Any]
) -> None:
    assert http.post("/lafricamobile/api", json=push(product, **more)).status_code == 400
    assert control.messages() == []


def test_a_wrong_password_is_refused(http: httpx2.Client, product: Product) -> None:
    response = http.post("/lafricamobile/api", json=push(product, password="other"))

    assert response.status_code == 403


def test_a_phone_answers_by_get(product: Product, control: Control) -> None:
    control.call("POST", f"phones/{PHONE}/sms", text="OUI", provider="lafricamobile")

    [told] = product.wait_for(1)
    assert (told.method, told.path) == (
        "GET",
        "/api/notifications/webhooks/lafricamobile/inbound/",
    )
    assert (told.query["from"], told.query["to"], told.query["text"]) == (
        PHONE[1:],
        "24500",
        "OUI",
    )
