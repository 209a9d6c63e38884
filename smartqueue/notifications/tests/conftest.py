import pytest

from smartqueue.accounts.models import User
from smartqueue.accounts.tests.factories import make_user
from smartqueue.notifications import texts

CODE = "test_greeting"


@pytest.fixture(autouse=True)
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_texts", dict(texts._texts))
    texts.register_text(CODE, subject="Hello %(name)s", body="Dear %(name)s")


@pytest.fixture
def user(db: None) -> User:
    return make_user()
