"""REST: parse, one operation or query, answer."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import get_language
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response

from smartqueue.common.rest.forms import read
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent
from smartqueue.privacy import operations, policies, processing, queries, retention
from smartqueue.privacy.enums import ConsentSource, Purpose, Right
from smartqueue.privacy.interfaces import serializers as forms
from smartqueue.privacy.models import Consent, Export, RegisterEntry


def _language() -> str:
    return (get_language() or "fr")[:2]


class ExportListView(ApiListView):
    serializer_class = forms.ExportSerializer
    queryset = Export.objects.none()
    filter_backends = []

    def get_queryset(self) -> Any:
        return queries.list_exports(self.request.actor.require_user())

    @extend_schema(responses=forms.ExportSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the archives of one's own data, newest first."""
        return self.list_response(request)

    @extend_schema(request=None, responses={201: forms.ExportSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Ask for an archive of everything that is stored of oneself."""
        export = operations.request_export(actor=request.actor, now=request.now)
        return Response(forms.ExportSerializer(export).data, status=201)


class ExportDownloadView(ApiView):
    @extend_schema(
        responses={
            (200, "application/zip"): OpenApiResponse(bytes, description="The archive"),
        }
    )
    def get(self, request: ApiRequest, export_id: UUID) -> HttpResponse:
        """Download an archive of one's own data; only right after signing in."""
        return archive_response(
            operations.download_export(actor=request.actor, export_id=export_id, now=request.now)
        )


def archive_response(content: bytes) -> HttpResponse:
    """Return an archive as a file that no browser shows and nothing on the way keeps."""
    response = HttpResponse(content, content_type="application/zip")
    response.headers["Content-Disposition"] = 'attachment; filename="smartqueue.zip"'
    response.headers["Cache-Control"] = "no-store"
    return response


class RightsRequestView(ApiView):
    @extend_schema(request=forms.RightsRequestInput, responses={201: forms.RightsRequestSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """
        Ask the staff of a branch, or of the platform, to correct one's data, to stop or restrict
        its use, or to answer a question about it. The answer comes in the case that this opens.
        """
        values = read(forms.RightsRequestInput, request)
        case = operations.ask_for_right(
            actor=request.actor,
            right=Right(values["right"]),
            branch_id=values["branch"],
            body=values["body"],
            now=request.now,
        )
        return Response(forms.RightsRequestSerializer(case).data, status=201)


class ConsentListView(ApiView):
    @extend_schema(responses=forms.ConsentsSerializer)
    def get(self, request: ApiRequest) -> Response:
        """Read what can be agreed to, and one's newest word on each."""
        return self._answer(request)

    @extend_schema(request=forms.ConsentInput, responses=forms.ConsentsSerializer)
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Agree to a purpose, or take that back."""
        values = read(forms.ConsentInput, request)
        operations.record_consent(
            actor=request.actor,
            purpose=Purpose(values["purpose"]),
            is_given=values["is_given"],
            text_version=values["version"],
            source=ConsentSource.API,
            language=_language(),
            now=request.now,
        )
        return self._answer(request)

    def _answer(self, request: ApiRequest) -> Response:
        states = queries.consents_of(request.actor.require_user())
        return Response({"consents": forms.ConsentStateSerializer(states, many=True).data})


class ConsentHistoryView(ApiListView):
    serializer_class = forms.ConsentSerializer
    queryset = Consent.objects.none()
    filter_backends = []

    def get_queryset(self) -> Any:
        return queries.list_consents(self.request.actor.require_user())

    @extend_schema(responses=forms.ConsentSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List every yes and no of one's own, newest first."""
        return self.list_response(request)


class ErasureView(ApiView):
    public = True

    @extend_schema(request=forms.PhoneInput, responses={202: forms.CodeSentSerializer})
    def post(self, request: ApiRequest) -> Response:
        """Ask, without an account, for what is stored under a phone to be erased; a code goes there."""
        expires_at = operations.ask_phone_erasure(
            phone=read(forms.PhoneInput, request)["phone"], language=_language(), now=request.now
        )
        return Response(forms.CodeSentSerializer({"expires_at": expires_at}).data, status=202)


class ErasureConfirmView(ApiView):
    public = True

    @extend_schema(request=forms.PhoneCodeInput, responses={204: None})
    def post(self, request: ApiRequest) -> Response:
        """Give the code back: what is stored under the phone is gone within a minute."""
        operations.confirm_phone_erasure(now=request.now, **read(forms.PhoneCodeInput, request))
        return Response(status=204)


class RetentionView(ApiView):
    public = True

    @extend_schema(responses=forms.PeriodsSerializer)
    def get(self, request: ApiRequest) -> Response:
        """Read how long each kind of data is kept, and why."""
        lines = processing.lines_of(retention.KINDS, None)
        return Response({"kinds": forms.PeriodSerializer(lines, many=True).data})


class EntryListView(ApiListView):
    serializer_class = forms.RegisterEntrySerializer
    queryset = RegisterEntry.objects.none()
    filter_backends = []

    def get_queryset(self) -> Any:
        asked = forms.OrganizationQuery(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        organization = policies.access_register(
            self.request.actor, asked.validated_data["organization"]
        )
        return queries.list_entries(organization)

    @extend_schema(
        parameters=[forms.OrganizationQuery], responses=forms.RegisterEntrySerializer(many=True)
    )
    def get(self, request: ApiRequest) -> Response:
        """List what an organization has added to its register of processing; for its owners."""
        return self.list_response(request)

    @extend_schema(request=forms.NewEntryInput, responses={201: forms.RegisterEntrySerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Add a processing of the organization's own to its register."""
        values = dict(read(forms.NewEntryInput, request))
        entry = operations.add_entry(
            actor=request.actor,
            organization_id=values.pop("organization"),
            values=values,
            now=request.now,
        )
        return Response(forms.RegisterEntrySerializer(entry).data, status=201)


class EntryView(ApiView):
    @extend_schema(request=forms.EntryInput, responses=forms.RegisterEntrySerializer)
    def put(self, request: ApiRequest, pk: UUID) -> Response:
        """Replace an entry of the register."""
        return self._change(request, pk, partial=False)

    @extend_schema(request=forms.EntryInput, responses=forms.RegisterEntrySerializer)
    def patch(self, request: ApiRequest, pk: UUID) -> Response:
        """Change some of an entry of the register."""
        return self._change(request, pk, partial=True)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Remove an entry of the register."""
        operations.remove_entry(actor=request.actor, entry_id=pk, now=request.now)
        return Response(status=204)

    def _change(self, request: ApiRequest, pk: UUID, *, partial: bool) -> Response:
        entry = operations.change_entry(
            actor=request.actor,
            entry_id=pk,
            values=read(forms.EntryInput, request, partial=partial),
            now=request.now,
        )
        return Response(forms.RegisterEntrySerializer(entry).data)
