"""REST of lines: parse, one call, answer."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from smartqueue.business.enums import Ability
from smartqueue.business.models import Branch
from smartqueue.business.policies import access_branch
from smartqueue.common.rest.forms import read
from smartqueue.common.rest.views import ApiRequest, ApiView
from smartqueue.dialogues import operations, queries
from smartqueue.dialogues.interfaces import serializers as forms
from smartqueue.dialogues.models import BranchLine


def line_view(branch: Branch, line: BranchLine | None) -> dict[str, Any]:
    """Return how a branch is reached by phone."""
    return {
        "branch": str(branch.pk),
        "code": line.code if line else "",
        "suggested_code": line.code if line else queries.free_code(branch),
        "missed_call_number": line.missed_call_number if line else "",
        "missed_call_queue": line.missed_call_queue_id if line else None,
    }


class BranchLineView(ApiView):
    @extend_schema(responses=forms.LineOutput)
    def get(self, request: ApiRequest, branch_id: UUID) -> Response:
        """Read by which code and number a branch is reached by phone."""
        branch = access_branch(request.actor, branch_id, Ability.VIEW)
        return Response(line_view(branch, queries.line_of_branch(branch.pk)))

    @extend_schema(request=forms.LineInput, responses=forms.LineOutput)
    def put(self, request: ApiRequest, branch_id: UUID) -> Response:
        """Set the code of text messages and USSD, and the number of missed calls with its queue."""
        given = read(forms.LineInput, request)
        line = operations.set_line(
            actor=request.actor,
            branch_id=branch_id,
            code=given["code"],
            missed_call_number=given["missed_call_number"],
            missed_call_queue_id=given["missed_call_queue"],
            now=request.now,
        )
        return Response(line_view(line.branch, line))
