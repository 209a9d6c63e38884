"""
SMS pumping and guessing, as an attacker would go about it: in a loop, with a new trick each time.

The limits are those of the settings, with the address counted again, which the other tests widen.
"""

from typing import Any
from uuid import uuid4

import pytest

from smartqueue.accounts.models import User, VerificationCode
from smartqueue.accounts.tests.conftest import Api, Mailbox
from smartqueue.accounts.tests.factories import make_user
from smartqueue.common import ids
from smartqueue.limits import operations as limits

pytestmark = pytest.mark.django_db


@pytest.fixture
def attacker(api: Api, settings: Any) -> Api:
    settings.LIMITS = {
        "sms": {
            "phone": "5/hour; 10/day",
            "address": "60/hour; 300/day",
            "everybody": "99999/hour",
        },
        "register": {"identifier": "5/hour", "address": "60/hour"},
        "verify": {"identifier": "10/10 minutes", "address": "200/5 minutes"},
        "write": {},
        "read": {},
    }
    # Counts of one test would refuse the next.
    api.client.defaults["REMOTE_ADDR"] = f"2001:db8:{ids.new_id().hex[-4:]}:{uuid4().hex[:4]}::1"
    return api


def senegalese(n: int) -> str:
    return f"+22177{uuid4().int % 10_000:04d}{n:03d}"


def test_many_numbers_from_one_address_are_refused(attacker: Api, mailbox: Mailbox) -> None:
    answers = [attacker.register(phone=senegalese(n)) for n in range(100)]

    assert [a.status_code for a in answers] == [201] * 60 + [429] * 40
    assert len(mailbox.messages) == 60
    assert int(answers[-1].headers["Retry-After"]) > 3000
    assert answers[-1].json()["detail"]


def test_a_household_of_ipv6_addresses_is_one_address(attacker: Api, mailbox: Mailbox) -> None:
    prefix = attacker.client.defaults["REMOTE_ADDR"].removesuffix("::1")
    for n in range(100):
        attacker.client.defaults["REMOTE_ADDR"] = f"{prefix}::{n:x}"
        attacker.register(phone=senegalese(n))

    assert len(mailbox.messages) == 60


def test_an_address_of_one_s_own_making_does_not_help(
    attacker: Api, mailbox: Mailbox, settings: Any
) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    seen_by_the_proxy = attacker.client.defaults["REMOTE_ADDR"]
    for n in range(100):
        attacker.client.defaults["HTTP_X_FORWARDED_FOR"] = f"198.51.100.{n}, {seen_by_the_proxy}"
        attacker.register(phone=senegalese(n))

    assert len(mailbox.messages) == 60


def test_many_codes_to_one_number_are_refused_from_everywhere(
    attacker: Api, mailbox: Mailbox
) -> None:
    victim = senegalese(0)
    statuses = []
    for n in range(30):
        attacker.client.defaults["REMOTE_ADDR"] = f"198.51.100.{n}"
        # Written differently, it is the same number.
        shown = victim if n % 2 else victim.replace("+221", "00221 ")
        statuses.append(attacker.register(phone=shown).status_code)

    assert statuses == [201] * 5 + [429] * 25
    assert len(mailbox.of(victim)) == 5


@pytest.mark.parametrize(
    "number",
    [
        "+33612345678",  # another country
        "+8816123456789",  # a satellite
        "+221338200000",  # a fixed line
        "+447012345678",  # a number that is paid for by the caller
        "+12425551234",
    ],
)
def test_numbers_that_cost_more_get_no_code(attacker: Api, mailbox: Mailbox, number: str) -> None:
    response = attacker.register(phone=number)

    assert response.status_code == 400
    assert mailbox.messages == []
    assert not VerificationCode.objects.exists()


def test_another_country_is_a_setting(attacker: Api, mailbox: Mailbox, settings: Any) -> None:
    settings.SMS_REGIONS = ["SN", "FR"]

    assert attacker.register(phone=f"+3361234{uuid4().int % 10_000:04d}").status_code == 201
    assert attacker.register(phone="+33140205050").status_code == 400


def test_the_bill_of_everybody_has_an_end(attacker: Api, mailbox: Mailbox, settings: Any) -> None:
    settings.LIMITS["sms"] = {"everybody": "3/30 minutes"}
    limits.forget("sms", everybody="everybody")
    answers = [attacker.register(phone=senegalese(n)).status_code for n in range(5)]

    assert answers == [201] * 3 + [429] * 2


def test_a_code_is_not_guessed(attacker: Api, mailbox: Mailbox) -> None:
    victim = senegalese(1)
    attacker.register(phone=victim)
    right = mailbox.code_of(victim)
    codes: list[str] = []
    # Five tries on each code, ten on the number, whichever address they come from.
    for n in range(300):
        attacker.client.defaults["REMOTE_ADDR"] = f"198.51.100.{n % 250}"
        guess = f"{n:06d}" if f"{n:06d}" != right else "999999"
        answer = attacker.post("auth/verify/", {"identifier": victim, "code": guess})
        codes.append(answer.json()["code"])

    assert codes.count("wrong_code") <= 5
    assert codes[10:] == ["too_many_requests"] * 290
    # Even the right one does not open the account any more.
    last = attacker.post("auth/verify/", {"identifier": victim, "code": right})
    assert last.status_code == 429
    assert not User.objects.filter(phone=victim).exists()


def test_asking_for_new_codes_does_not_give_more_guesses(attacker: Api, mailbox: Mailbox) -> None:
    victim = senegalese(2)
    guessed = 0
    for n in range(200):
        if n % 5 == 0:
            attacker.register(phone=victim)
        answer = attacker.post("auth/verify/", {"identifier": victim, "code": "314159"})
        guessed += answer.json()["code"] in {"wrong_code", "too_many_tries"}

    assert guessed <= 10
    assert len(mailbox.of(victim)) <= 5


def test_signing_in_as_many_people_from_one_address_is_refused(
    attacker: Api, settings: Any
) -> None:
    settings.LIMITS["login"] = {"identifier": "10/5 minutes", "address": "20/5 minutes"}
    people = [make_user() for _ in range(30)]
    statuses = [
        attacker.post(
            "auth/login/", {"identifier": person.email, "password": "Password1"}
        ).status_code
        for person in people
    ]

    assert statuses == [401] * 20 + [429] * 10


def test_one_mailbox_in_many_spellings_is_one_mailbox(attacker: Api) -> None:
    """Mail servers are asked for all of these under the same name; a soft hyphen is left out."""
    name = uuid4().hex
    domains = ["example.test", "EXAMPLE.test", "example\u3002test", "e\uff58ample.test"]
    domains += [f"exam{chr(0xAD) * n}ple.test" for n in range(1, 9)]

    answers = [attacker.register(email=f"{name}@{domain}") for domain in domains]

    assert [a.status_code for a in answers] == [201] * 5 + [429] * 7
    assert {a.json()["user"]["email"] for a in answers[:5]} == {f"{name}@example.test"}
