"""What people do on the pages, and beside them through the API."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from playwright.sync_api import Page, expect

from smartqueue.queues.management.commands._api import Account, Api
from smartqueue.queues.management.commands._demonstration import DOMAIN, PASSWORD
from tests.e2e.servers import Site

_LINE = """
    SELECT q.id, q.branch_id, b.slug FROM queues_queue AS q
    JOIN business_branch AS b ON b.id = q.branch_id WHERE b.name = %s AND q.prefix = %s
"""
_SESSIONS = """
    SELECT s.id, u.email FROM queues_countersession AS s
    JOIN accounts_user AS u ON u.id = s.agent_id WHERE s.state <> 'ended'
"""
_AT_COUNTER = """
    SELECT id, state FROM queues_ticket WHERE session_id = %s AND state IN ('called', 'serving')
"""
_COUNTER = "SELECT id FROM business_counter WHERE branch_id = %s AND name = %s"


@dataclass(frozen=True)
class Line:
    """A queue of the demonstration."""

    site: Site
    queue: UUID
    branch: UUID
    slug: str

    @property
    def join_path(self) -> str:
        return f"/q/{self.queue}/"

    def counter(self, name: str) -> UUID:
        """Return the id of one of the branch's counters."""
        pk: UUID = self.site.value(_COUNTER, self.branch, name)
        return pk

    def join(self, **more: Any) -> dict[str, Any]:
        """Take a ticket through the API; its `path` is that of its page."""
        body = {"queue": str(self.queue), **more}
        ticket: dict[str, Any] = Api(self.site.url).post("/api/queues/tickets/", body)
        return ticket | {"path": f"/t/{ticket['token']}/"}

    def sit_down(self, login: str, counter: str) -> "Seat":
        """Open a session for this line at a counter, through the API."""
        agent = self.site.account(login)
        body = {"counter": str(self.counter(counter)), "queues": [str(self.queue)]}
        return Seat(agent, agent.post("/api/agents/sessions/", **body)["id"])


@dataclass(frozen=True)
class Seat:
    """An agent at a counter who works through the API."""

    agent: Account
    session: str

    def call_next(self) -> dict[str, Any]:
        """Call the next person and return the ticket."""
        ticket: dict[str, Any] = self.agent.post(f"/api/agents/sessions/{self.session}/call-next/")
        return ticket

    def act(self, action: str, ticket: dict[str, Any], **body: Any) -> dict[str, Any]:
        """Do something with a ticket and return it."""
        done: dict[str, Any] = self.agent.post(
            f"/api/queues/tickets/{ticket['id']}/{action}/", **body
        )
        return done

    def serve(self, ticket: dict[str, Any]) -> None:
        """Serve somebody who was called."""
        self.act("start", ticket)
        self.act("complete", ticket)


def everybody_leaves(site: Site) -> None:
    """Serve whoever is at a counter and end every session."""
    for session, email in site.query(_SESSIONS):
        agent = site.account(email.removesuffix(f"@{DOMAIN}"))
        for ticket, state in site.query(_AT_COUNTER, [session]):
            if state == "called":
                agent.post(f"/api/queues/tickets/{ticket}/start/")
            agent.post(f"/api/queues/tickets/{ticket}/complete/")
        agent.post(f"/api/agents/sessions/{session}/end/")


def line(site: Site, branch: str, prefix: str) -> Line:
    """Return the queue with a prefix at a branch of the demonstration."""
    ((queue, branch_id, slug),) = site.query(_LINE, [branch, prefix])
    return Line(site, queue, branch_id, slug)


def sign_in(page: Page, login: str) -> None:
    """Sign in on the sign-in page."""
    page.get_by_label("E-mail ou téléphone").fill(f"{login}@{DOMAIN}")
    page.locator("#password").fill(PASSWORD)
    page.get_by_test_id("sign-in").get_by_role("button").click()


def open_counter(page: Page, counter: str, prefix: str) -> None:
    """Choose a counter and one queue, and sit down."""
    page.get_by_role("radio", name=counter).check()
    for queue in page.locator('input[name="queues"]').all():
        name = queue.locator("xpath=..").locator("b").inner_text()
        queue.set_checked(name == prefix)
    page.get_by_test_id("open-counter").click()
    # The console's script gives it the focus when keys begin to act.
    expect(page.locator("#call-next")).to_be_focused()


def wait_until_live(page: Page, within_ms: int = 10_000) -> None:
    """Return once the page follows its topics over a socket."""
    expect(page.locator("[data-connection]")).to_have_attribute(
        "data-connection", "live", timeout=within_ms
    )


def number_after(number: str, steps: int = 1) -> str:
    """Return the number of whoever comes some places later on the same day."""
    return f"{number[0]}{int(number[1:]) + steps:03d}"
