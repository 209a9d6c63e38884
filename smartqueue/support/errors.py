from django.utils.translation import gettext_lazy as _

from smartqueue.common.errors import Conflict


class IllegalCaseTransition(Conflict):
    """`state` names the state the case is in."""

    code = "illegal_case_transition"
    title = _("This is not possible in the case's present state.")


class CaseMoved(Conflict):
    """Somebody else changed the case meanwhile; `version` is the present one."""

    code = "case_changed"
    title = _("Somebody else changed this case meanwhile: read it again first.")


class CaseOver(Conflict):
    """It was settled too long ago; `days` is for how long it could be opened again."""

    code = "case_over"
    title = _("This case was closed some time ago: open a new one.")


class TooManyCases(Conflict):
    """`limit` is how many may be unsettled at a time."""

    code = "too_many_cases"
    title = _("You have several cases that are not settled yet: write in one of those.")


class CaseFull(Conflict):
    """`limit` is how many messages a case takes."""

    code = "case_full"
    title = _("This case holds as many messages as it can: open a new one.")


class TooManyFiles(Conflict):
    """`limit` is how many files go with one message."""

    code = "too_many_files"
    title = _("No more files can go with this message.")
