"""An appointment from the phone to the counter: booked, moved, checked in at the kiosk, called."""

import re
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from smartqueue.business.enums import DeviceKind
from smartqueue.notifications.operations.mail import unsubscribe_url
from smartqueue.queues.management.commands._demonstration import device_token
from tests.e2e.conftest import PHONE, Visit
from tests.e2e.people import Line, line, open_counter, sign_in
from tests.e2e.servers import Site

pytestmark = [pytest.mark.e2e, pytest.mark.serial]

# The kiosk lets people in this long before: the day of the demonstration begins at nine.
RULES = {"early_minutes": 720, "lead_minutes": 0, "move_until_minutes": 0}
_OWNER = "SELECT id FROM accounts_user WHERE email = 'owner@demo.smartqueue.test'"
_ORGANIZATION = "SELECT organization_id FROM business_branch WHERE id = %s"
_SERVICE = "SELECT service_id FROM queues_queueservice WHERE queue_id = %s LIMIT 1"


@pytest.fixture
def registry(site: Site) -> Line:
    return line(site, "Hôtel de ville", "B")


@pytest.fixture
def service(site: Site, visit: Visit, registry: Line) -> UUID:
    """A service of the registry that takes appointments, as its owner offers it on the pages."""
    found: UUID = site.value(_SERVICE, registry.queue)
    staff = f"/manage/branches/{registry.branch}/"
    owner = visit(f"{staff}slots/")
    sign_in(owner, "owner")
    expect(owner.get_by_test_id("slot-form")).to_be_visible()
    offer = owner.locator(f'[data-testid="generate-form"]:has([value="{found}"])')
    if offer.count():
        offer.locator('[name="capacity"]').fill("3")
        offer.get_by_test_id("generate").click()
        expect(offer).to_have_count(0)
    owner.goto(f"{staff}booking-rules/{found}/")
    for name, value in RULES.items():
        owner.locator(f"#{name}").fill(str(value))
    owner.get_by_test_id("save-rules").click()
    expect(owner.get_by_test_id("slot-form")).to_be_visible()
    return found


def code_for(page: Page, phone: str) -> str:
    """Return the code that a phone was sent, from the development mailbox."""
    mailbox = page.context.new_page()
    mailbox.goto("/dev/mailbox/")
    letter = mailbox.get_by_test_id("letter").filter(has_text=phone).first.inner_text()
    mailbox.close()
    code = re.search(r"\b\d{6}\b", letter)
    assert code
    return code[0]


def book(phone: Page, service: UUID) -> str:
    """Book the next free time in three taps and a form; return the link."""
    number = f"+22177{uuid4().int % 10**7:07}"
    phone.get_by_test_id("book-link").tap()
    several = phone.locator(f'[data-testid="book-service"][href*="{service}"]')
    expect(several.or_(phone.get_by_test_id("times"))).to_be_visible()
    if several.is_visible():
        several.tap()
    expect(phone.get_by_test_id("times")).to_be_visible()
    phone.get_by_test_id("time").first.tap()
    expect(phone.get_by_test_id("hold")).to_contain_text(re.compile(r"[45]:\d\d"))
    phone.locator("#name").fill("Awa Diop")
    phone.locator("#phone").fill(number)
    phone.get_by_test_id("confirm").tap()
    expect(phone.locator("#code")).to_be_visible()
    phone.locator("#code").fill(code_for(phone, number))
    phone.get_by_test_id("confirm").tap()
    expect(phone.get_by_test_id("appointment")).to_have_attribute("data-state", "confirmed")
    return phone.url


def test_from_the_phone_to_the_counter(
    site: Site, visit: Visit, registry: Line, service: UUID
) -> None:
    phone = visit(f"/b/{registry.slug}/", **PHONE)
    link = book(phone, service)
    reference = phone.get_by_test_id("reference").inner_text()

    # The link alone opens it, on another device.
    other = visit(link.removeprefix(site.url), **PHONE)
    before = other.get_by_test_id("time").inner_text()
    other.get_by_test_id("move").tap()
    expect(other.get_by_test_id("moved-from")).to_be_visible()
    other.get_by_test_id("time").nth(1).tap()
    expect(other.get_by_test_id("appointment")).to_be_visible()
    assert other.get_by_test_id("time").inner_text() != before

    manager = visit(f"/manage/branches/{registry.branch}/appointments/")
    sign_in(manager, "manager")
    row = manager.locator(f'[data-testid="line"][data-reference="{reference}"]')
    expect(row).to_have_attribute("data-group", "expected")

    kiosk = visit(
        f"/k/{device_token(DeviceKind.KIOSK, 'Hôtel de ville')}/",
        script="window.print = () => {};",
        viewport={"width": 1080, "height": 1920},
        has_touch=True,
    )
    kiosk.get_by_test_id("kiosk-booked").tap()
    for sign in reference:
        kiosk.get_by_role("button", name=sign, exact=True).tap()
    kiosk.get_by_test_id("kiosk-arrive").tap()
    number = kiosk.get_by_test_id("slip").get_by_test_id("number").inner_text()

    manager.reload()
    expect(row).to_have_attribute("data-group", "here")
    expect(row).to_contain_text(number)
    console = visit("/agent/")
    sign_in(console, "agent1")
    open_counter(console, "Guichet 1", "B")
    expect(console.get_by_test_id("waiting-row").first).to_contain_text(number)
    console.keyboard.press("n")
    expect(console.get_by_test_id("current-number")).to_have_text(number)
    other.reload()
    other.get_by_test_id("ticket-link").tap()
    expect(other.get_by_test_id("ticket")).to_have_attribute("data-state", "called")


def serious_faults(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']} ({fault['impact']}): {node['html'][:120]} {node['any'][:1]}"
        for fault in found
        if fault["impact"] in {"moderate", "serious", "critical"}
        for node in fault["nodes"]
    ]


def other_pages(registry: Line, service: UUID, organization: str) -> list[str]:
    """Return the pages of people and of the organization's owner that no other test looks at."""
    queue = f"/manage/queues/{registry.queue}/"
    stop = unsubscribe_url("awa@example.test", None).partition("/unsubscribe/")[2]
    own = ("appointments", "calendars", "notifications", "told", "privacy/requests")
    words = "templates/appointment_booked/sms"
    return [
        *("/book/", f"/book/{service}/", f"/unsubscribe/{stop}"),
        *(f"/account/{path}/" for path in own),
        f"/manage/branches/{registry.branch}/phone/",
        *(f"{queue}{path}/" for path in ("message", "roster", "roster/0")),
        *(f"{organization}{path}/" for path in ("waits", "support", "templates", words)),
    ]


def look_into_messages(page: Page, organization: str, look: Callable[[str], None]) -> None:
    """Look at what was sent to people, and at a webhook from its secret to a message."""
    page.goto(f"{organization}messages/")
    look("messages")
    page.locator("tbody a").first.tap()
    expect(page.get_by_test_id("state")).to_be_visible()
    look("message")
    page.goto(f"{organization}webhooks/")
    look("webhooks")
    page.locator("#url").fill(f"https://example.org/{uuid4()}")
    page.get_by_test_id("add-webhook").tap()
    expect(page.get_by_test_id("secret")).to_be_visible()
    look("secret")
    page.get_by_test_id("test").tap()
    page.get_by_test_id("message").first.locator("a").tap()
    expect(page.locator("pre").first).to_be_visible()
    look("message of a webhook")


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_no_page_has_a_serious_fault_or_is_wider_than_a_phone(
    site: Site, visit: Visit, registry: Line, service: UUID, language: str
) -> None:
    page = visit(f"/b/{registry.slug}/book/{service}/", **PHONE | {"locale": language})
    faults: dict[str, list[str]] = {}

    def look(name: str) -> None:
        faults[name] = serious_faults(page)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > PHONE["viewport"]["width"]:
            faults[name].append(f"{wide} pixels wide")

    look("times")
    page.goto(f"/b/{registry.slug}/book/{service}/wait/")
    look("wait")
    page.goto(f"/b/{registry.slug}/")
    link = book(page, service)
    look("appointment")
    page.goto(f"{link}move/")
    look("move")
    page.goto(f"/k/{device_token(DeviceKind.KIOSK, 'Hôtel de ville')}/arrive/?lang={language}")
    look("kiosk")
    staff = f"/manage/branches/{registry.branch}/"
    page.goto("/sign-in/?next=/manage/")
    page.locator("#identifier").fill("owner@demo.smartqueue.test")
    page.locator("#password").fill("smartqueue-demo")
    page.get_by_test_id("sign-in").get_by_role("button").tap()
    expect(page.get_by_test_id("sign-out")).to_be_visible()
    pages = ["appointments/", "appointments/week/", "slots/", "dates/", "absences/"]
    pages += ["appointments/agents/", "appointments/requests/", "calendars/"]
    pages.append(f"agents/{site.value(_OWNER)}/")
    for path in [*pages, f"booking-rules/{service}/"]:
        page.goto(staff + path)
        look(path)
    organization = f"/manage/{site.value(_ORGANIZATION, registry.branch)}/"
    for path in other_pages(registry, service, organization):
        page.goto(path)
        look(path)
    look_into_messages(page, organization, look)
    page.goto(f"{staff}appointments/week/")
    page.get_by_test_id("grid-move").last.tap()
    expect(page.locator(".a-free button").first).to_be_visible()
    look("free places")
    page.locator(".a-free button").first.tap()
    expect(page.get_by_test_id("move-dialog")).to_be_visible()
    look("dialog")
    assert {name: found for name, found in faults.items() if found} == {}


def in_sight(phone: Page) -> Locator:
    """Return the first free place that a finger reaches without scrolling."""
    assert phone.viewport_size is not None
    width, height = phone.viewport_size["width"], phone.viewport_size["height"]
    for free in phone.locator(".a-free button").all():
        box = free.bounding_box()
        if box and 0 <= box["x"] <= width - 30 and 0 <= box["y"] <= height - 30:
            return free
    raise AssertionError("no free place is in sight")


def drag_by_finger(phone: Page, card: Locator) -> None:
    """Pull a booking by its handle to a free place near it."""
    handle = card.get_by_test_id("grid-move")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    assert box is not None
    wire = phone.context.new_cdp_session(phone)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": x, "y": y} for x, y in points]
        wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    x, y = box["x"] + 20, box["y"] + 20
    touch("touchStart", (x, y))
    touch("touchMove", (x - 10, y - 10))
    touch("touchMove", (x - 20, y - 20))
    expect(phone.locator(".a-free button").first).to_be_attached()
    free = in_sight(phone)
    spot = free.bounding_box()
    assert spot is not None
    touch("touchMove", (spot["x"] + 15, spot["y"] + 15))
    expect(free).to_have_class(re.compile("over"))
    touch("touchEnd")


def test_staff_move_a_booking_with_keys_the_mouse_and_a_finger(
    site: Site, visit: Visit, registry: Line, service: UUID
) -> None:
    book(visit(f"/b/{registry.slug}/", **PHONE), service)
    week = f"/manage/branches/{registry.branch}/appointments/week/"
    page = visit(week)
    sign_in(page, "manager")
    # Another of hers may have come by now, and stays where it is.
    movable = page.get_by_test_id("week-row").filter(has=page.get_by_test_id("grid-move"))
    card = movable.filter(has_text="Awa Diop").last
    reference = card.get_attribute("data-reference")

    def key_of(of: Page) -> str:
        own = of.locator(f'td:has([data-reference="{reference}"])')
        return own.get_attribute("data-cell") or ""

    first = key_of(page)
    card.get_by_test_id("grid-move").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".a-free button").first).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("confirm-move")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".a-free")).to_have_count(0)
    expect(card.get_by_test_id("grid-move")).to_be_focused()

    card.hover(position={"x": 40, "y": 50})
    page.mouse.down()
    page.mouse.move(400, 500, steps=3)
    target = page.locator(f'td:not([data-cell="{first}"]) .a-free button').last
    target.hover()
    page.mouse.up()
    page.get_by_test_id("confirm-move").click()
    expect(page.get_by_test_id("moved")).to_contain_text("Awa Diop")
    assert key_of(page) != first
    page.get_by_test_id("undo-move").click()
    expect(page.locator(f'td[data-cell="{first}"] [data-reference="{reference}"]')).to_be_visible()

    phone = visit(week, **PHONE, storage_state=page.context.storage_state())
    drag_by_finger(phone, phone.locator(f'[data-reference="{reference}"]'))
    expect(phone.get_by_test_id("move-dialog")).to_be_visible()
