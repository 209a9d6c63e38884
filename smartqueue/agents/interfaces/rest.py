from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

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
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent


class SkillListView(ApiListView):
    """What the agents of an organization are good at; POST again for a service replaces it."""

    serializer_class = SkillSerializer
    queryset = Skill.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        asked = SkillQuery(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        right = access_staff(self.request.actor, values["organization"])
        return queries.list_skills(reach=right.reach, **values)

    @extend_schema(parameters=[SkillQuery], responses=SkillSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List what the agents of an organization are good at."""
        return self.list_response(request)

    @extend_schema(request=NewSkillInput, responses={201: SkillSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Say how good an agent is at a service; again for the same service replaces it."""
        given = NewSkillInput(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        skill = operations.set_skill(
            actor=request.actor,
            organization_id=values["organization"],
            user_id=values["user"],
            service_id=values["service"],
            weight=values["weight"],
            now=request.now,
        )
        return Response(SkillSerializer(skill).data, status=201)


class SkillView(ApiView):
    @extend_schema(request=SkillInput, responses=SkillSerializer)
    def put(self, request: ApiRequest, pk: UUID) -> Response:
        """Change the weight of a skill."""
        return self._change(request, pk)

    @extend_schema(request=SkillInput, responses=SkillSerializer)
    def patch(self, request: ApiRequest, pk: UUID) -> Response:
        """Change the weight of a skill."""
        return self._change(request, pk)

    def _change(self, request: ApiRequest, pk: UUID) -> Response:
        given = SkillInput(data=request.data)
        given.is_valid(raise_exception=True)
        skill = operations.change_skill(
            actor=request.actor,
            skill_id=pk,
            weight=given.validated_data["weight"],
            now=request.now,
        )
        return Response(SkillSerializer(skill).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Make the service an ordinary one for the agent again."""
        operations.remove_skill(actor=request.actor, skill_id=pk, now=request.now)
        return Response(status=204)


class AgentListView(ApiListView):
    """Members who serve, with what they are good at."""

    serializer_class = AgentSerializer
    queryset = Membership.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        asked = AgentQuery(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        right = access_staff(self.request.actor, values["organization"])
        return queries.list_agents(reach=right.reach, **values)

    @extend_schema(parameters=[AgentQuery], responses=AgentSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        return self.list_response(request)
