"""REST of an organization's settings and their history."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from smartqueue.business import operations, policies, queries
from smartqueue.business.enums import Ability
from smartqueue.business.interfaces.rest.kit import body_of
from smartqueue.business.interfaces.serializers.settings import (
    LogoInput,
    RestoreInput,
    SettingsInput,
    SettingsSerializer,
    SettingsVersionSerializer,
)
from smartqueue.business.logos import kept_logo
from smartqueue.business.models import SettingsVersion
from smartqueue.common.rest.forms import uploaded_file
from smartqueue.common.rest.parsers import BoundedFormParser
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent


class SettingsView(ApiView):
    """What an organization decides about itself."""

    @extend_schema(responses=SettingsSerializer)
    def get(self, request: ApiRequest, pk: UUID) -> Response:
        """Read the settings of an organization."""
        organization = policies.access_organization(request.actor, pk, Ability.MANAGE)
        return Response(SettingsSerializer(queries.settings_of(organization)).data)

    @extend_schema(request=SettingsInput, responses=SettingsSerializer)
    def put(self, request: ApiRequest, pk: UUID) -> Response:
        """Replace the settings of an organization; what is not named gets its default."""
        return self._change(request, pk, partial=False)

    @extend_schema(request=SettingsInput, responses=SettingsSerializer)
    def patch(self, request: ApiRequest, pk: UUID) -> Response:
        """Change parts of the settings of an organization."""
        return self._change(request, pk, partial=True)

    def _change(self, request: ApiRequest, pk: UUID, *, partial: bool) -> Response:
        changes = body_of(SettingsInput, request, partial=partial)
        settings = operations.update_settings(
            actor=request.actor,
            organization_id=pk,
            version=changes.pop("version", None),
            changes=changes,
            replace=not partial,
            now=request.now,
        )
        return Response(SettingsSerializer(settings).data)


class LogoView(ApiView):
    parser_classes = [BoundedFormParser]

    @extend_schema(request={"multipart/form-data": LogoInput}, responses={200: SettingsSerializer})
    def post(self, request: ApiRequest, pk: UUID) -> Response:
        """Show a picture (PNG, JPEG or WebP of up to 10 MB), drawn anew, as the logo."""
        organization = policies.access_organization(request.actor, pk, Ability.MANAGE)
        with kept_logo(uploaded_file(request), organization.pk) as logo:
            return self._show(request, pk, logo)

    # The picture is drawn and stored before the transaction in which the key is looked at.
    post.is_idempotent = True  # type: ignore[attr-defined]  # for the document

    @idempotent
    def _show(self, request: ApiRequest, pk: UUID, logo: str) -> Response:
        return self._set(request, pk, logo)

    @extend_schema(responses=SettingsSerializer)
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Show no logo."""
        return self._set(request, pk, "")

    def _set(self, request: ApiRequest, pk: UUID, logo: str) -> Response:
        settings = operations.set_logo(
            actor=request.actor, organization_id=pk, logo=logo, now=request.now
        )
        return Response(SettingsSerializer(settings).data)


class SettingsHistoryView(ApiListView):
    """Every change of the settings, the latest first."""

    serializer_class = SettingsVersionSerializer
    queryset = SettingsVersion.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        organization = policies.access_organization(
            self.request.actor, self.kwargs["pk"], Ability.MANAGE
        )
        return queries.list_settings_versions(organization.pk)

    @extend_schema(responses=SettingsVersionSerializer(many=True))
    def get(self, request: ApiRequest, pk: UUID) -> Response:
        """List every change of the settings, with what was before and after."""
        return self.list_response(request)


class SettingsRestoreView(ApiView):
    @extend_schema(request=RestoreInput, responses=SettingsSerializer)
    @idempotent
    def post(self, request: ApiRequest, pk: UUID) -> Response:
        """Make the settings what they were at a version of their history."""
        settings = operations.restore_settings(
            actor=request.actor,
            organization_id=pk,
            version=body_of(RestoreInput, request)["version"],
            now=request.now,
        )
        return Response(SettingsSerializer(settings).data)
