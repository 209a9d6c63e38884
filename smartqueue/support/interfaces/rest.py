"""REST of support cases: parse, one call, answer."""

import dataclasses
from typing import Any
from uuid import UUID

from django.http import FileResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from smartqueue.accounts.actor import Actor
from smartqueue.common.rest.forms import read, uploaded_file
from smartqueue.common.rest.parsers import BoundedFormParser
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent
from smartqueue.support import operations, policies, queries
from smartqueue.support.enums import CaseCategory, CasePriority, Side, SubjectType
from smartqueue.support.files import KeptFile, download, kept
from smartqueue.support.interfaces import serializers as forms
from smartqueue.support.interfaces.filters import CaseFilter
from smartqueue.support.models import CaseAttachment, CaseMessage, SupportCase


def case_view(case: SupportCase, side: Side | None) -> dict[str, Any]:
    """Return a case as one side sees it in a list."""
    view: dict[str, Any] = {
        "id": str(case.pk),
        "organization": str(case.organization_id) if case.organization_id else None,
        "organization_name": case.organization.name if case.organization else "",
        "branch": str(case.branch_id) if case.branch_id else None,
        "branch_name": case.branch.name if case.branch else "",
        "subject_type": case.subject_type,
        "subject_id": str(case.subject_id) if case.subject_id else None,
        "category": case.category,
        "title": case.title,
        "state": case.state,
        "message_count": case.message_count,
        "opened_at": case.opened_at,
        "changed_at": case.changed_at,
        "first_answer_at": case.first_answer_at,
        "first_answer_open_seconds": case.first_answer_open_seconds,
        "settled_at": case.settled_at,
        "answer_by": case.answer_by,
        "version": case.version,
    }
    if side is Side.STAFF:
        view["priority"] = case.priority
        view["assignee"] = str(case.assignee_id) if case.assignee_id else None
    return view


def attachment_view(case_id: UUID, attachment: CaseAttachment) -> dict[str, Any]:
    """Return what a file is and where it can be had."""
    return {
        "id": str(attachment.pk),
        "media_type": attachment.media_type,
        "size": attachment.size,
        "url": reverse("case-attachment", args=[case_id, attachment.pk]),
    }


def message_view(
    message: CaseMessage, side: Side, actor: Actor, files: "list[CaseAttachment]"
) -> dict[str, Any]:
    """Return a message as one side reads it."""
    is_told = side is Side.STAFF or message.author_id == actor.user_id
    author = message.author_id if is_told else None
    return {
        "id": str(message.pk),
        "side": message.side,
        "is_internal": message.is_internal,
        "author": str(author) if author else None,
        "body": message.body,
        "written_at": message.written_at,
        "attachments": [attachment_view(message.case_id, file) for file in files],
    }


def whole_view(actor: Actor, case_id: UUID) -> dict[str, Any]:
    """Return a case with its conversation as the actor sees it now."""
    case, side = policies.access_case(actor, case_id)
    messages = queries.list_messages(case, side)
    return case_view(case, side) | {
        "messages": [message_view(m, side, actor, list(m.attachments.all())) for m in messages]
    }


class CaseListView(ApiListView):
    public = True
    serializer_class = forms.CaseOutput
    queryset = SupportCase.objects.none()
    filterset_class = CaseFilter

    @extend_schema(responses=forms.CaseOutput(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the caller's own cases and those of the branches where the caller serves."""
        rows = self.filter_queryset(policies.visible_cases(request.actor))
        page = self.paginate_queryset(rows) or []
        views = [case_view(case, policies.side_of(request.actor, case)) for case in page]
        return self.get_paginated_response(views)

    @extend_schema(request=forms.CaseInput, responses={201: forms.WholeCaseOutput})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """
        Open a case about a ticket, a branch, the own account or a payment. The holder of a ticket
        without an account sends the ticket's token. Files follow, to the message in the answer.
        """
        values = dict(read(forms.CaseInput, request))
        case = operations.open_case(
            actor=request.actor,
            subject_type=SubjectType(values.pop("subject_type")),
            category=CaseCategory(values.pop("category")),
            now=request.now,
            **values,
        )
        return Response(whole_view(request.actor, case.pk), status=201)


class CaseView(ApiView):
    public = True

    @extend_schema(responses=forms.WholeCaseOutput)
    def get(self, request: ApiRequest, case_id: UUID) -> Response:
        """Read a case and its conversation."""
        return Response(whole_view(request.actor, case_id))

    @extend_schema(
        request=forms.CaseChanges(partial=True),
        responses=forms.WholeCaseOutput,
    )
    def patch(self, request: ApiRequest, case_id: UUID) -> Response:
        """Change category or priority, as staff."""
        values = read(forms.CaseChanges, request, partial=True)
        operations.change_case(
            actor=request.actor,
            case_id=case_id,
            category=CaseCategory(values["category"]) if "category" in values else None,
            priority=CasePriority(values["priority"]) if "priority" in values else None,
            now=request.now,
        )
        return Response(whole_view(request.actor, case_id))


class MessageListView(ApiView):
    public = True

    @extend_schema(responses=forms.MessageOutput(many=True))
    def get(self, request: ApiRequest, case_id: UUID) -> Response:
        """Read the conversation, oldest first; it has 200 messages at most."""
        return Response(whole_view(request.actor, case_id)["messages"])

    @extend_schema(request=forms.MessageInput, responses={201: forms.MessageOutput})
    @idempotent
    def post(self, request: ApiRequest, case_id: UUID) -> Response:
        """Write in a case; in one that was settled lately this opens it again."""
        message = operations.write_message(
            actor=request.actor,
            case_id=case_id,
            now=request.now,
            **read(forms.MessageInput, request),
        )
        view = message_view(message, Side(message.side), request.actor, [])
        return Response(view, status=201)


class AttachmentListView(ApiView):
    public = True
    parser_classes = [BoundedFormParser]

    @extend_schema(
        request={"multipart/form-data": forms.AttachmentInput},
        responses={201: forms.AttachmentOutput},
    )
    def post(self, request: ApiRequest, case_id: UUID) -> Response:
        """Add an image or a PDF of up to 10 MB to a message of one's own."""
        case, _side = policies.access_case(request.actor, case_id)
        upload = uploaded_file(request)
        with kept([upload], case.organization_id) as files:
            return self._attach(request, case_id, files[0])

    @idempotent
    def _attach(self, request: ApiRequest, case_id: UUID, file: KeptFile) -> Response:
        attachment = operations.attach_file(
            actor=request.actor,
            case_id=case_id,
            message_id=read(forms.MessageNamed, request)["message"],
            file=file,
            now=request.now,
        )
        return Response(attachment_view(case_id, attachment), status=201)

    # The file is judged and stored before the transaction in which the key is looked at.
    post.is_idempotent = True  # type: ignore[attr-defined]  # for the document


class AttachmentView(ApiView):
    public = True

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: ApiRequest, case_id: UUID, attachment_id: UUID) -> FileResponse:
        """Download a file of a case."""
        return download(policies.access_attachment(request.actor, case_id, attachment_id))


class AssignView(ApiView):
    @extend_schema(request=forms.AssignInput, responses=forms.WholeCaseOutput)
    @idempotent
    def post(self, request: ApiRequest, case_id: UUID) -> Response:
        """Give a case to a member who serves at its branch, or to nobody."""
        values = read(forms.AssignInput, request)
        operations.assign_case(
            actor=request.actor,
            case_id=case_id,
            assignee_id=values["assignee"],
            version=values["version"],
            now=request.now,
        )
        return Response(whole_view(request.actor, case_id))


class CaseStepView(ApiView):
    """POST carries out one operation on a case; subclasses name it."""

    operation: Any = None
    form: type[serializers.Serializer[Any]] = forms.NothingInput

    @extend_schema(responses=forms.WholeCaseOutput)
    @idempotent
    def post(self, request: ApiRequest, case_id: UUID) -> Response:
        """Carry out the step."""
        type(self).operation(actor=request.actor, case_id=case_id, now=request.now)
        return Response(whole_view(request.actor, case_id))


class ResolveView(CaseStepView):
    operation = staticmethod(operations.resolve_case)


class CloseView(CaseStepView):
    public = True
    operation = staticmethod(operations.close_case)


class ReopenView(CaseStepView):
    public = True
    operation = staticmethod(operations.reopen_case)


class CaseFiguresView(ApiView):
    @extend_schema(parameters=[forms.CaseFiguresQuery], responses=forms.CaseFiguresOutput)
    def get(self, request: ApiRequest) -> Response:
        """Read how many cases are open and how fast they are answered, for managers."""
        asked = forms.CaseFiguresQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        organization_id = asked.validated_data["organization"]
        branches = policies.access_figures(request.actor, organization_id)
        found = queries.figures(
            organization_id=organization_id, branch_ids=branches, now=request.now
        )
        return Response(dataclasses.asdict(found))
