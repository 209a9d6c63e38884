"""What can go wrong when people use their rights."""

from django.utils.translation import gettext_lazy as _

from smartqueue.common.errors import Conflict, Problem


class SoleOwner(Conflict):
    """`organizations` names those that would be left without an owner."""

    code = "sole_owner"
    title = _("You are the only owner of an organization.")
    detail = _("Make somebody else owner of it, or close it. Then erase your account.")


class ExportPending(Conflict):
    code = "export_pending"
    title = _("An archive is being prepared already. You are told when it is ready.")


class ExportNotReady(Conflict):
    code = "export_not_ready"
    title = _("This archive cannot be downloaded: it is being prepared, or its time is over.")


class WrongErasureCode(Problem):
    """Not the code, or none was asked for, or it is over: the same answer on purpose."""

    status = 400
    code = "wrong_code"
    title = _("This code is not right. Check it, or ask for a new one.")


class ConsentTextChanged(Conflict):
    """`version` is the one in force."""

    code = "consent_text_changed"
    title = _("The text has changed since you read it. Read it again, then decide.")
