"""Pages without any account: phones with their messages, menus and calls, and the mailbox."""

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from sandbox import http, phones
from sandbox.phone_actions import PhoneActions
from sandbox.rules import BadRule
from sandbox.store import Mail
from sandbox.world import World

HERE: Final = Path(__file__).parent
EXAMPLES: Final = ("+221770000001", "+221760000002", "+221700000003")
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# What an e-mail may do in its frame: show itself and what it carries, and nothing else.
MAIL_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
_NETWORKS: Final = {"60801": "Orange", "60802": "Yas", "60803": "Expresso"}


def spaced(number: str) -> str:
    """Return a number as it is read aloud: +221 77 123 45 67."""
    found = re.fullmatch(r"\+221(\d\d)(\d\d\d)(\d\d)(\d\d)", number)
    return f"+221 {' '.join(found.groups())}" if found else number


def _network(number: str) -> str:
    return _NETWORKS.get(phones.network_code(number), "")


def _answer(response: Response, policy: str = POLICY) -> Response:
    response.headers.update(
        {
            "content-security-policy": policy,
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        }
    )
    return response


class Pages:
    """Server-rendered; the one script only fetches new messages, and nothing needs it."""

    def __init__(self, world: World, actions: PhoneActions) -> None:
        self._world, self._actions = world, actions
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["spaced"] = spaced
        self._templates.filters["network"] = _network
        self._templates.filters["time"] = lambda at: at.strftime("%H:%M:%S")

    def routes(self) -> list[BaseRoute]:
        phone = "/phones/{number}"
        return [
            Route("/", self._home, methods=["GET"]),
            Route("/phones", self._pick, methods=["POST"]),
            Route(phone, self._phone, methods=["GET"]),
            Route(f"{phone}/messages", self._messages, methods=["GET"]),
            Route(f"{phone}/{{action}}", self._act, methods=["POST"]),
            Route("/mailbox", self._mailbox, methods=["GET"]),
            Route("/mailbox/{id}", self._mail, methods=["GET"]),
            Route("/mailbox/{id}/html", self._mail_html, methods=["GET"]),
            Route("/mailbox/{id}/source", self._mail_source, methods=["GET"]),
            Route("/mailbox/{id}/attachments/{place:int}", self._attachment, methods=["GET"]),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]

    def _render(self, template: str, *, status: int = 200, **context: Any) -> Response:
        section = "mailbox" if template.startswith("mail") else "phones"
        page = self._templates.get_template(template)
        text = page.render(world=self._world, section=section, **context)
        return _answer(HTMLResponse(text, status))

    # --- Phones ----------------------------------------------------------------

    async def _home(self, request: Request) -> Response:
        return self._home_page()

    def _home_page(self, problem: str = "", status: int = 200) -> Response:
        known = list(reversed(self._world.store.phones.values()))
        return self._render(
            "home.html",
            status=status,
            phones=known[:100],
            examples=[one for one in EXAMPLES if one not in self._world.store.phones],
            outcomes=sorted(self._world.store.counts.outcomes.items()),
            labels={name: one.label for name, one in self._world.text_providers.items()},
            rules=self._world.rules.all(),
            mails=len(self._world.store.mails),
            problem=problem,
        )

    async def _pick(self, request: Request) -> Response:
        number = phones.normalised((await _form(request)).get("number", ""))
        if not phones.is_e164(number):
            return self._home_page("That is no phone number, such as 77 123 45 67.", 422)
        return _see_other(f"/phones/{quote(number)}")

    def _number(self, request: Request) -> str:
        number = phones.normalised(request.path_params["number"])
        if not phones.is_e164(number):
            raise HTTPException(404)
        return number

    async def _phone(self, request: Request) -> Response:
        return self._phone_page(self._number(request))

    def _phone_page(self, number: str, problem: str = "", status: int = 200) -> Response:
        phone = self._world.store.phones.get(number)
        return self._render(
            "phone.html",
            status=status,
            number=number,
            messages=list(phone.messages) if phone else [],
            menu=phone.ussd if phone else None,
            providers=list(self._world.text_providers.values()),
            by=self._actions.provider_for(number),
            problem=problem,
        )

    async def _messages(self, request: Request) -> Response:
        phone = self._world.store.phones.get(self._number(request))
        return self._render("messages.html", messages=list(phone.messages) if phone else [])

    async def _act(self, request: Request) -> Response:
        number, form = self._number(request), await _form(request)
        try:
            await self._do(request.path_params["action"], number, form)
        except BadRule as wrong:
            return self._phone_page(number, str(wrong), 422)
        return _see_other(f"/phones/{quote(number)}")

    async def _do(self, action: str, number: str, form: dict[str, str]) -> None:
        if action == "sms":
            await self._actions.send_text(
                number,
                form.get("text", ""),
                to=form.get("to", ""),
                provider=form.get("provider", ""),
            )
        elif action == "call":
            await self._actions.call(number, to=form.get("to", ""))
        elif action == "dial":
            await self._actions.dial(number, form.get("code", ""))
        elif action == "key-in":
            await self._actions.key_in(number, form.get("text", ""))
        elif action == "drop":
            await self._actions.drop(number)
        elif action == "close":
            self._actions.close_menu(number)
        else:
            raise HTTPException(404)

    # --- Mailbox ---------------------------------------------------------------

    async def _mailbox(self, request: Request) -> Response:
        return self._render("mailbox.html", mails=list(reversed(self._world.store.mails.values())))

    def _found(self, request: Request) -> Mail:
        mail = self._world.store.mails.get(request.path_params["id"])
        if mail is None:
            raise HTTPException(404)
        return mail

    async def _mail(self, request: Request) -> Response:
        mail = self._found(request)
        return self._render(
            "mail.html",
            mail=mail,
            plain=mail.body("plain"),
            has_html=bool(mail.body("html")),
            headers=[(name, str(value)) for name, value in mail.message.items()],
            attachments=[
                (part.get_filename() or "attachment", part.get_content_type())
                for part in mail.attachments()
            ],
        )

    async def _mail_html(self, request: Request) -> Response:
        return _answer(HTMLResponse(self._found(request).body("html")), MAIL_POLICY)

    async def _mail_source(self, request: Request) -> Response:
        return _answer(PlainTextResponse(self._found(request).raw.decode("utf-8", "replace")))

    async def _attachment(self, request: Request) -> Response:
        parts = self._found(request).attachments()
        place = request.path_params["place"]
        if place >= len(parts):
            raise HTTPException(404)
        payload = parts[place].get_payload(decode=True)
        name = quote(parts[place].get_filename() or "attachment", safe="")
        return _answer(
            Response(
                payload if isinstance(payload, bytes) else b"",
                media_type="application/octet-stream",
                headers={"content-disposition": f"attachment; filename*=UTF-8''{name}"},
            ),
            "sandbox; default-src 'none'",
        )


def _see_other(place: str) -> Response:
    return RedirectResponse(place, 303)


async def _form(request: Request) -> dict[str, str]:
    try:
        return await http.read_form(request)
    except http.BadBody as wrong:
        raise HTTPException(400, str(wrong)) from wrong
