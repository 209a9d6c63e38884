"""Passwords that everybody would try first."""

import pytest
from django.core.exceptions import ValidationError

from smartqueue.accounts.passwords import ListedWordValidator
from smartqueue.accounts.tests.conftest import Api

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("password", ["SmartQueue2026", "dakar12345", "Teranga!!", "MotDePasse9"])
def test_a_listed_word_with_little_beside_it_is_refused(password: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ListedWordValidator().validate(password)
    assert refused.value.code == "password_too_guessable"


@pytest.mark.parametrize(
    "password", ["dakar sous la pluie", "Ndakaaru-mbalax", "kx7-smartqueue-Qv9"]
)
def test_a_listed_word_among_others_is_taken(password: str) -> None:
    ListedWordValidator().validate(password)


def test_registration_refuses_it_at_its_field(api: Api) -> None:
    response = api.post(
        "auth/register/",
        {
            "email": "awa@example.test",
            "password": "smartqueue26",
            "first_name": "Awa",
            "last_name": "Sy",
        },
    )

    assert response.status_code == 400
    assert [(e["field"], e["code"]) for e in response.json()["errors"]] == [
        ("password", "password_too_guessable")
    ]
