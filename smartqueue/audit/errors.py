"""Failures that a caller can expect, each with a stable code."""

from django.utils.translation import gettext_lazy as _

from smartqueue.common.errors import Problem


class ReasonNeeded(Problem):
    """Platform staff read a journal only while their access, with its reason, is open."""

    status = 403
    code = "support_access_needed"
    title = _("Open access to this organization with a reason first.")
