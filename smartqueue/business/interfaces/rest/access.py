"""REST of the devices of a branch and of support access."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from smartqueue.business import operations, policies, queries
from smartqueue.business.enums import Ability, DeviceKind
from smartqueue.business.interfaces.rest.kit import body_of, query_of
from smartqueue.business.interfaces.serializers.access import (
    BranchDeviceSerializer,
    DeviceWithCodeSerializer,
    NewDeviceInput,
    NewSupportInput,
    PairedSerializer,
    PairInput,
    SupportQuery,
    SupportSerializer,
)
from smartqueue.business.interfaces.serializers.queries import BranchNamedQuery
from smartqueue.business.models import BranchCredential, SupportAccess
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent
from smartqueue.limits import operations as limits


def _with_code(made: tuple[BranchCredential, str]) -> dict[str, Any]:
    credential, code = made
    credential.code = code  # type: ignore[attr-defined]  # shown this once
    return dict(DeviceWithCodeSerializer(credential).data)


class DeviceListView(ApiListView):
    """The kiosks and displays of a branch."""

    serializer_class = BranchDeviceSerializer
    queryset = BranchCredential.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        asked = query_of(BranchNamedQuery, self.request)["branch"]
        branch = policies.access_branch(self.request.actor, asked, Ability.MANAGE)
        return queries.list_devices(branch.pk)

    @extend_schema(parameters=[BranchNamedQuery], responses=BranchDeviceSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the devices of a branch that were not revoked."""
        return self.list_response(request)

    @extend_schema(request=NewDeviceInput, responses={201: DeviceWithCodeSerializer})
    def post(self, request: ApiRequest) -> Response:
        """Prepare a device and show its pairing code; asked again, it is refused by its name."""
        values = body_of(NewDeviceInput, request)
        made = operations.add_device(
            actor=request.actor,
            branch_id=values["branch"],
            kind=DeviceKind(values["kind"]),
            name=values["name"],
            now=request.now,
        )
        return Response(_with_code(made), status=201)


class DeviceView(ApiView):
    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Revoke a device: its token opens nothing any more."""
        operations.revoke_device(actor=request.actor, credential_id=pk, now=request.now)
        return Response(status=204)


class DeviceCodeView(ApiView):
    @extend_schema(request=None, responses=DeviceWithCodeSerializer)
    def post(self, request: ApiRequest, pk: UUID) -> Response:
        """Make a new pairing code for a device."""
        made = operations.renew_pairing_code(actor=request.actor, credential_id=pk, now=request.now)
        return Response(_with_code(made))


class PairView(ApiView):
    """The device's side of pairing."""

    public = True

    @extend_schema(request=PairInput, responses=PairedSerializer)
    def post(self, request: ApiRequest) -> Response:
        """Exchange a pairing code for the device's token."""
        code = body_of(PairInput, request)["code"]
        limits.check("pair")
        credential, token = operations.pair_device(code=code, now=request.now)
        answer = {
            "device": credential.pk,
            "branch": credential.branch_id,
            "kind": credential.kind,
            "name": credential.name,
            "token": token,
        }
        return Response(PairedSerializer(answer).data)


class SupportListView(ApiListView):
    """Times at which platform staff could act inside an organization."""

    serializer_class = SupportSerializer
    queryset = SupportAccess.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        organization = query_of(SupportQuery, self.request).get("organization")
        if organization is None:
            return queries.list_support(admin=self.request.actor.require_user())
        found = policies.access_organization(self.request.actor, organization, Ability.OWN)
        return queries.list_support(organization=found.pk)

    @extend_schema(parameters=[SupportQuery], responses=SupportSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List support accesses of an organization one owns, or one's own as platform staff."""
        return self.list_response(request)

    @extend_schema(request=NewSupportInput, responses={201: SupportSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Open support access to an organization, saying why; its owners are told."""
        values = body_of(NewSupportInput, request)
        access = operations.open_support_access(
            actor=request.actor,
            organization_id=values["organization"],
            reason=values["reason"],
            minutes=values["minutes"],
            now=request.now,
        )
        return Response(SupportSerializer(access).data, status=201)


class SupportCloseView(ApiView):
    @extend_schema(request=None, responses=SupportSerializer)
    @idempotent
    def post(self, request: ApiRequest, pk: UUID) -> Response:
        """End support access before its time."""
        access = operations.close_support_access(actor=request.actor, access_id=pk, now=request.now)
        return Response(SupportSerializer(access).data)
