from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from smartqueue.accounts.actor import Actor
from smartqueue.agents import operations, queries
from smartqueue.agents.interfaces.serializers import (
    AgentQuery,
    AgentSerializer,
    NewSkillInput,
    SkillInput,
    SkillQuery,
    SkillSerializer,
)
from smartqueue.agents.models import Skill
from smartqueue.business.models import Membership
from smartqueue.business.policies import access_staff
from smartqueue.common.rest.views import ApiListView, ApiView
from smartqueue.idempotency.rest import idempotent


def _actor(request: Request) -> Actor:
    actor: Actor = request._request.actor  # type: ignore[attr-defined]  # set by the entrance
    return actor


def _now(request: Request) -> Any:
    return request._request.now  # type: ignore[attr-defined]  # set by the entrance


class SkillListView(ApiListView):
    """What the agents of an organization are good at; POST again for a service replaces it."""

    serializer_class = SkillSerializer
    queryset = Skill.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        asked = SkillQuery(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        right = access_staff(_actor(self.request), values["organization"])
        return queries.list_skills(reach=right.reach, **values)

    @extend_schema(parameters=[SkillQuery], responses=SkillSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List what the agents of an organization are good at."""
        response: Response = self.list_response(request)
        return response

    @extend_schema(request=NewSkillInput, responses={201: SkillSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Say how good an agent is at a service; again for the same service replaces it."""
        given = NewSkillInput(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        skill = operations.set_skill(
            actor=_actor(request),
            organization_id=values["organization"],
            user_id=values["user"],
            service_id=values["service"],
            weight=values["weight"],
            now=_now(request),
        )
        return Response(SkillSerializer(skill).data, status=201)


class SkillView(ApiView):
    @extend_schema(request=SkillInput, responses=SkillSerializer)
    def put(self, request: Request, pk: UUID) -> Response:
        """Change the weight of a skill."""
        return self._change(request, pk)

    @extend_schema(request=SkillInput, responses=SkillSerializer)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Change the weight of a skill."""
        return self._change(request, pk)

    def _change(self, request: Request, pk: UUID) -> Response:
        given = SkillInput(data=request.data)
        given.is_valid(raise_exception=True)
        skill = operations.change_skill(
            actor=_actor(request),
            skill_id=pk,
            weight=given.validated_data["weight"],
            now=_now(request),
        )
        return Response(SkillSerializer(skill).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Make the service an ordinary one for the agent again."""
        operations.remove_skill(actor=_actor(request), skill_id=pk, now=_now(request))
        return Response(status=204)


class AgentListView(ApiListView):
    """Members who serve, with what they are good at."""

    serializer_class = AgentSerializer
    queryset = Membership.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        asked = AgentQuery(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        right = access_staff(_actor(self.request), values["organization"])
        return queries.list_agents(reach=right.reach, **values)

    @extend_schema(parameters=[AgentQuery], responses=AgentSerializer(many=True))
    def get(self, request: Request) -> Response:
        response: Response = self.list_response(request)
        return response
