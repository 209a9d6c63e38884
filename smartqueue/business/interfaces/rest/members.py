"""REST of members and invitations."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from smartqueue.accounts.enums import Role
from smartqueue.business import operations, policies, queries
from smartqueue.business.interfaces.rest.kit import body_of, query_of
from smartqueue.business.interfaces.serializers.members import (
    AcceptInput,
    MemberInput,
    MemberSerializer,
    NewMemberInput,
)
from smartqueue.business.interfaces.serializers.queries import (
    MemberQuery,
    OrganizationNamedQuery,
)
from smartqueue.business.models import (
    Invitation,
    Membership,
)
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent


def _member(row: Membership | Invitation) -> dict[str, Any]:
    row.branch_ids = sorted(policies.branches_of(row))  # type: ignore[union-attr]  # as the lists have
    return dict(MemberSerializer(row).data)


class MemberListView(ApiListView):
    """The people of an organization; a manager of some branches sees those of them."""

    serializer_class = MemberSerializer
    queryset = Membership.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        asked = query_of(MemberQuery, self.request)
        right = policies.access_staff(self.request.actor, asked["organization"])
        return queries.list_members(reach=right.reach, **asked)

    @extend_schema(parameters=[MemberQuery], responses=MemberSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the people of an organization; a manager of some branches sees those of them."""
        return self.list_response(request)

    @extend_schema(request=NewMemberInput, responses={201: MemberSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Add a person with a role, or invite whoever has no account yet."""
        values = body_of(NewMemberInput, request)
        row = operations.add_member(
            actor=request.actor,
            organization_id=values["organization"],
            identifier=values["identifier"],
            role=Role(values["role"]),
            branches=values.get("branches", ()),
            now=request.now,
        )
        return Response(_member(row), status=201)


class MemberView(ApiView):
    @extend_schema(request=MemberInput, responses=MemberSerializer)
    def put(self, request: ApiRequest, pk: UUID) -> Response:
        """Replace a member's role and branches."""
        return self._change(request, pk, partial=False)

    @extend_schema(request=MemberInput, responses=MemberSerializer)
    def patch(self, request: ApiRequest, pk: UUID) -> Response:
        """Change a member's role or branches."""
        return self._change(request, pk, partial=True)

    def _change(self, request: ApiRequest, pk: UUID, *, partial: bool) -> Response:
        values = body_of(MemberInput, request, partial=partial)
        membership = operations.change_member(
            actor=request.actor,
            membership_id=pk,
            role=Role(values["role"]) if "role" in values else None,
            branches=values.get("branches"),
            now=request.now,
        )
        return Response(_member(membership))

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Remove a member, or leave."""
        operations.remove_member(actor=request.actor, membership_id=pk, now=request.now)
        return Response(status=204)


class InvitationListView(ApiListView):
    """Invitations that can still be accepted."""

    serializer_class = MemberSerializer
    queryset = Invitation.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        asked = query_of(OrganizationNamedQuery, self.request)
        right = policies.access_staff(self.request.actor, asked["organization"])
        return queries.list_invitations(
            organization=right.organization.pk, reach=right.reach, now=self.request.now
        )

    @extend_schema(parameters=[OrganizationNamedQuery], responses=MemberSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        return self.list_response(request)


class InvitationView(ApiView):
    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Withdraw an invitation."""
        operations.withdraw_invitation(actor=request.actor, invitation_id=pk, now=request.now)
        return Response(status=204)


class InvitationResendView(ApiView):
    @extend_schema(request=None, responses=MemberSerializer)
    @idempotent
    def post(self, request: ApiRequest, pk: UUID) -> Response:
        """Send an invitation again, with a new term and a new link."""
        invitation = operations.resend_invitation(
            actor=request.actor, invitation_id=pk, now=request.now
        )
        return Response(_member(invitation))


class AcceptInvitationView(ApiView):
    """Join by the token of an invitation."""

    @extend_schema(request=AcceptInput, responses=MemberSerializer)
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        membership = operations.accept_invitation(
            actor=request.actor,
            token=body_of(AcceptInput, request)["token"],
            now=request.now,
        )
        return Response(_member(membership))
