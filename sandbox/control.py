"""The control interface under /control/: rules, counts, and everything that a test does by itself."""

from collections.abc import Mapping
from typing import Any, Final, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import http, phones
from sandbox.phone_actions import USUAL, PhoneActions
from sandbox.providers.fcm import Fcm
from sandbox.providers.smpp import SmppCentre
from sandbox.providers.twilio import Twilio
from sandbox.providers.web_push import WebPush, decoded
from sandbox.rules import BadRule, Outcome, Rule
from sandbox.store import By, Message, Of, UssdSession
from sandbox.world import World

LIST_MAX: Final = 1_000
QUIET_SECONDS_MAX: Final = 60.0


def _rule_json(rule: Rule) -> dict[str, Any]:
    plan = rule.receipts
    return {
        "id": rule.id,
        "provider": rule.provider,
        "to": rule.to,
        "text": rule.text,
        "answer": rule.answer,
        "error": rule.error,
        "retry_after": rule.retry_after,
        "delay_seconds": rule.delay_seconds,
        "hang_seconds": rule.hang_seconds,
        "skip": rule.skip,
        "times": rule.times,
        "matched": rule.matched,
        "receipts": {
            "outcome": plan.outcome,
            "statuses": list(plan.statuses),
            "delay_seconds": plan.delay_seconds,
            "gap_seconds": plan.gap_seconds,
            "copies": plan.copies,
            "reverse": plan.reverse,
            "send": plan.send,
        },
    }


def _ussd_json(session: UssdSession) -> dict[str, Any]:
    return {
        "session": session.id,
        "code": session.code,
        "inputs": session.inputs,
        "screen": session.screen,
        "open": session.is_open,
        "problem": session.problem,
    }


async def _given(request: Request) -> dict[str, Any]:
    if not await request.body():
        return {}
    try:
        return await http.read_json(request)
    except http.BadBody as wrong:
        raise BadRule(str(wrong)) from wrong


def _text(given: Mapping[str, Any], name: str, usual: str | None = None) -> str:
    value = given.get(name, usual)
    if not isinstance(value, str):
        raise BadRule(f"{name}: a text is needed")
    return value


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "100")
    if not text.isdecimal() or not 1 <= int(text) <= LIST_MAX:
        raise BadRule(f"limit: 1 to {LIST_MAX}")
    return int(text)


def _one_of(request: Request, name: str, words: tuple[str, ...]) -> str:
    value = request.query_params.get(name, words[0])
    if value not in words:
        raise BadRule(f"{name}: one of {', '.join(words)}")
    return value


class Control:
    """Every path answers JSON; what makes no sense gets 422 with `error`."""

    def __init__(
        self,
        world: World,
        actions: PhoneActions,
        *,
        fcm: Fcm,
        web_push: WebPush,
        smpp: SmppCentre,
        twilio: Twilio,
    ) -> None:
        self._world, self._actions = world, actions
        self._fcm, self._web_push, self._smpp, self._twilio = fcm, web_push, smpp, twilio

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/state", self._state, methods=["GET"]),
            Route("/reset", self._reset, methods=["POST"]),
            Route("/quiet", self._quiet, methods=["POST"]),
            Route("/rules", self._rules, methods=["GET", "POST", "DELETE"]),
            Route("/rules/{id}", self._rule, methods=["DELETE"]),
            Route("/counts", self._counts, methods=["GET"]),
            Route("/messages", self._messages, methods=["GET"]),
            Route("/messages/{id}", self._message, methods=["GET"]),
            Route("/messages/{id}/receipts", self._receipt, methods=["POST"]),
            Route("/mails", self._mails, methods=["GET"]),
            Route("/mails/{id}", self._mail, methods=["GET"]),
            Route("/callbacks", self._callbacks, methods=["GET", "PUT"]),
            Route("/options", self._options, methods=["GET", "PUT"]),
            Route("/limits", self._limits, methods=["GET", "PUT"]),
            Route("/balances", self._balances, methods=["GET", "PUT"]),
            Route("/tokens/expire", self._expire, methods=["POST"]),
            Route("/phones/{number}/sms", self._sms, methods=["POST"]),
            Route("/phones/{number}/call", self._call, methods=["POST"]),
            Route("/phones/{number}/ussd", self._dial, methods=["POST"]),
            Route("/phones/{number}/ussd/reply", self._key_in, methods=["POST"]),
            Route("/phones/{number}/ussd/drop", self._drop, methods=["POST"]),
            Route("/fcm/service-account", self._account, methods=["GET"]),
            Route("/fcm/tokens", self._devices, methods=["GET", "POST"]),
            Route("/fcm/tokens/{token}", self._device, methods=["DELETE"]),
            Route("/web-push/subscriptions", self._subscriptions, methods=["GET", "POST"]),
            Route("/web-push/subscriptions/{id}", self._subscription, methods=["DELETE"]),
            Route("/smpp/sessions", self._sessions, methods=["GET", "DELETE"]),
        ]

    # --- The whole -------------------------------------------------------------

    async def _state(self, request: Request) -> Response:
        store = self._world.store
        return JSONResponse(
            {
                "public_url": self._world.public_url,
                "messages": len(store.messages),
                "phones": list(store.phones),
                "mails": len(store.mails),
                "pending": self._world.callbacks.pending,
                "dropped": self._world.callbacks.dropped,
                "rules": len(self._world.rules.all()),
                "outcomes": {name: dict(seen) for name, seen in store.counts.outcomes.items()},
                "smpp": self._smpp.as_json(),
            }
        )

    async def _reset(self, request: Request) -> Response:
        await self._world.reset()
        self._twilio.opted_out.clear()
        for account in self._smpp.accounts.values():
            account.forget()
        return Response(status_code=204)

    async def _quiet(self, request: Request) -> Response:
        seconds = (await _given(request)).get("seconds", 10)
        if not isinstance(seconds, int | float) or not 0 <= seconds <= QUIET_SECONDS_MAX:
            raise BadRule(f"seconds: 0 to {QUIET_SECONDS_MAX:g}")
        await self._world.callbacks.quiet(seconds)
        return JSONResponse({"pending": self._world.callbacks.pending})

    # --- Rules and what they need ----------------------------------------------

    async def _rules(self, request: Request) -> Response:
        if request.method == "POST":
            rule = self._world.rules.add(await _given(request))
            return JSONResponse(_rule_json(rule), 201)
        if request.method == "DELETE":
            self._world.rules.clear()
            return Response(status_code=204)
        return JSONResponse({"rules": [_rule_json(rule) for rule in self._world.rules.all()]})

    async def _rule(self, request: Request) -> Response:
        if not self._world.rules.remove(request.path_params["id"]):
            raise HTTPException(404)
        return Response(status_code=204)

    async def _options(self, request: Request) -> Response:
        if request.method == "PUT":
            self._world.set_options(await _given(request))
        return JSONResponse(self._world.options)

    async def _limits(self, request: Request) -> Response:
        if request.method == "PUT":
            given = await _given(request)
            for name, rate in given.items():
                if not isinstance(rate, int) or isinstance(rate, bool) or rate < 0:
                    raise BadRule(f"{name}: messages a second are needed, 0 for no limit")
            for name, rate in given.items():
                self._world.limits.set(name, rate)
        return JSONResponse(self._world.limits.per_second)

    async def _balances(self, request: Request) -> Response:
        units = self._world.balances.units
        if request.method == "PUT":
            given = await _given(request)
            for name, left in given.items():
                is_units = isinstance(left, int) and not isinstance(left, bool) and left >= 0
                if left is not None and not is_units:
                    raise BadRule(f"{name}: units are needed, or null for no end")
            for name, left in given.items():
                units.pop(name, None)
                if left is not None:
                    units[name] = left
        return JSONResponse(units)

    async def _expire(self, request: Request) -> Response:
        tokens = {"orange_sms": self._world.orange_tokens, "fcm": self._world.google_tokens}
        provider = _text(await _given(request), "provider")
        if provider not in tokens:
            raise BadRule(f"provider: one of {', '.join(tokens)}")
        tokens[provider].expire()
        return Response(status_code=204)

    async def _callbacks(self, request: Request) -> Response:
        if request.method == "PUT":
            self._world.set_urls(await _given(request))
        sent = [item.as_json() for item in list(self._world.callbacks.sent)[-_limit(request) :]]
        return JSONResponse({"urls": self._world.urls, "sent": sent})

    # --- What has arrived ------------------------------------------------------

    async def _counts(self, request: Request) -> Response:
        of = _one_of(request, "of", ("accepted", "received"))
        by = _one_of(request, "by", ("text", "reference"))
        found = self._world.store.counts.read(
            request.query_params.get("provider", ""),
            of=cast("Of", of),
            by=cast("By", by),
            keys=request.query_params.get("keys", "") == "1",
        )
        found["incomplete"] = sum(account.incomplete for account in self._smpp.accounts.values())
        return JSONResponse(found)

    async def _messages(self, request: Request) -> Response:
        query = request.query_params
        phone = phones.normalised(query["phone"]) if query.get("phone") else ""
        found = self._world.store.newest(
            _limit(request), provider=query.get("provider", ""), phone=phone
        )
        return JSONResponse({"messages": [message.as_json() for message in found]})

    def _found(self, request: Request) -> Message:
        message = self._world.store.messages.get(request.path_params["id"])
        if message is None:
            raise HTTPException(404)
        return message

    async def _message(self, request: Request) -> Response:
        return JSONResponse(self._found(request).as_json())

    async def _receipt(self, request: Request) -> Response:
        """Send receipts of a message now: the given status, or those that an outcome stands for."""
        message, given = self._found(request), await _given(request)
        provider = self._world.text_providers.get(message.provider)
        if provider is None or not message.to_phone:
            raise BadRule("there are no receipts for this message")
        if "status" in given:
            statuses: tuple[str, ...] = (_text(given, "status"),)
        else:
            words = list(Outcome)
            outcome = _text(given, "outcome", Outcome.DELIVERED)
            if outcome not in words:
                raise BadRule(f"outcome: one of {', '.join(words)}")
            statuses = provider.statuses(Outcome(outcome))
        for status in statuses:
            await self._world.tell(provider, message, status)
        return JSONResponse(message.as_json())

    async def _mails(self, request: Request) -> Response:
        to = request.query_params.get("to", "")
        found = [
            mail.as_json()
            for mail in reversed(self._world.store.mails.values())
            if not to or to in mail.recipients
        ]
        return JSONResponse({"mails": found[: _limit(request)]})

    async def _mail(self, request: Request) -> Response:
        mail = self._world.store.mails.get(request.path_params["id"])
        if mail is None:
            raise HTTPException(404)
        return JSONResponse(mail.as_json())

    # --- Phones ----------------------------------------------------------------

    async def _sms(self, request: Request) -> Response:
        given = await _given(request)
        message, sent = await self._actions.send_text(
            request.path_params["number"],
            _text(given, "text"),
            to=_text(given, "to", ""),
            provider=_text(given, "provider", ""),
        )
        return JSONResponse({"message": message.as_json(), "sent": sent.as_json()})

    async def _call(self, request: Request) -> Response:
        given = await _given(request)
        message, sent = await self._actions.call(
            request.path_params["number"],
            to=_text(given, "to", ""),
            provider=_text(given, "provider", USUAL),
        )
        return JSONResponse({"message": message.as_json(), "sent": sent.as_json()})

    async def _dial(self, request: Request) -> Response:
        code = _text(await _given(request), "code", self._world.settings.ussd_code)
        return JSONResponse(
            _ussd_json(await self._actions.dial(request.path_params["number"], code))
        )

    async def _key_in(self, request: Request) -> Response:
        text = _text(await _given(request), "text")
        session = await self._actions.key_in(request.path_params["number"], text)
        return JSONResponse(_ussd_json(session))

    async def _drop(self, request: Request) -> Response:
        return JSONResponse(_ussd_json(await self._actions.drop(request.path_params["number"])))

    # --- Push and SMPP ---------------------------------------------------------

    async def _account(self, request: Request) -> Response:
        return JSONResponse(self._fcm.account())

    async def _devices(self, request: Request) -> Response:
        if request.method == "POST":
            phone = phones.normalised(_text(await _given(request), "phone"))
            return JSONResponse(self._fcm.register(phone).as_json(), 201)
        return JSONResponse({"tokens": [device.as_json() for device in self._fcm.devices.values()]})

    async def _device(self, request: Request) -> Response:
        """Uninstall the app: the token answers UNREGISTERED from now on."""
        device = self._fcm.devices.get(request.path_params["token"])
        if device is None:
            raise HTTPException(404)
        device.is_registered = False
        return Response(status_code=204)

    async def _subscriptions(self, request: Request) -> Response:
        if request.method == "POST":
            given = await _given(request)
            key = _text(given, "application_server_key", "")
            try:
                decoded(key.rstrip("="))
            except ValueError as error:
                raise BadRule(f"application_server_key: {error}") from error
            phone = phones.normalised(_text(given, "phone"))
            subscription = self._web_push.subscribe(phone, key)
            return JSONResponse(subscription.as_json(self._world.public_url), 201)
        found = self._web_push.subscriptions.values()
        return JSONResponse(
            {"subscriptions": [one.as_json(self._world.public_url) for one in found]}
        )

    async def _subscription(self, request: Request) -> Response:
        """Unsubscribe: the endpoint answers 410 from now on."""
        subscription = self._web_push.subscriptions.get(request.path_params["id"])
        if subscription is None:
            raise HTTPException(404)
        subscription.is_gone = True
        return Response(status_code=204)

    async def _sessions(self, request: Request) -> Response:
        """Show the binds, or cut them all."""
        if request.method == "DELETE":
            self._smpp.cut()
            return Response(status_code=204)
        return JSONResponse(self._smpp.as_json())
