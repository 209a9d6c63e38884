"""Puts providers, control interface and pages together under one address."""

from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.control import Control
from sandbox.pages.views import Pages
from sandbox.phone_actions import PhoneActions
from sandbox.providers.africas_talking import AfricasTalking
from sandbox.providers.fcm import Fcm
from sandbox.providers.lafricamobile import LAfricaMobile
from sandbox.providers.orange_sms import OrangeSms
from sandbox.providers.smpp import SmppCentre
from sandbox.providers.smtp import SmtpSink
from sandbox.providers.twilio import Twilio
from sandbox.providers.web_push import WebPush
from sandbox.rules import BadRule
from sandbox.world import TextProvider, World


@dataclass(frozen=True, slots=True)
class Providers:
    """Every pretend provider."""

    orange_sms: OrangeSms
    lafricamobile: LAfricaMobile
    twilio: Twilio
    africas_talking: AfricasTalking
    fcm: Fcm
    web_push: WebPush
    smpp: SmppCentre
    smtp: SmtpSink


class OwnPagesOnly:
    """
    Refuses what pages of other sites send through a browser, so that none steers the sandbox on
    somebody's machine; programs send no such header.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD"}:
            site = dict(scope["headers"]).get(b"sec-fetch-site", b"none")
            if site not in {b"none", b"same-origin"}:
                await PlainTextResponse("Refused", 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _bad_rule(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 422)


def build(world: World) -> tuple[Providers, ASGIApp]:
    """Return the providers and the application that serves those over HTTP."""
    providers = Providers(
        orange_sms=OrangeSms(world),
        lafricamobile=LAfricaMobile(world),
        twilio=Twilio(world),
        africas_talking=AfricasTalking(world),
        fcm=Fcm(world),
        web_push=WebPush(world),
        smpp=SmppCentre(world),
        smtp=SmtpSink(world),
    )
    text_providers: list[TextProvider] = [
        providers.orange_sms,
        providers.lafricamobile,
        providers.twilio,
        providers.africas_talking,
        *providers.smpp.accounts.values(),
    ]
    for text_provider in text_providers:
        world.text_providers[text_provider.name] = text_provider
    actions = PhoneActions(world, providers.africas_talking, providers.twilio)
    control = Control(
        world,
        actions,
        fcm=providers.fcm,
        web_push=providers.web_push,
        smpp=providers.smpp,
        twilio=providers.twilio,
    )
    routes: list[BaseRoute] = [
        Mount("/orange", routes=providers.orange_sms.routes()),
        Mount("/lafricamobile", routes=providers.lafricamobile.routes()),
        Mount("/twilio", routes=providers.twilio.routes()),
        Mount("/africas-talking", routes=providers.africas_talking.routes()),
        Mount("/fcm", routes=providers.fcm.routes()),
        Mount("/web-push", routes=providers.web_push.routes()),
        Mount("/control", routes=control.routes()),
        *Pages(world, actions).routes(),
    ]
    return providers, OwnPagesOnly(
        Starlette(routes=routes, exception_handlers={BadRule: _bad_rule})
    )
