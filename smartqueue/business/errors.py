from django.utils.translation import gettext_lazy as _

from smartqueue.common.errors import Conflict


class PeopleWaiting(Conflict):
    """`waiting` counts the people who would be left standing."""

    code = "people_waiting"
    title = _("People are still waiting here: serve them or send them home first.")


class LastOwner(Conflict):
    code = "last_owner"
    title = _("An organization keeps at least one owner: make somebody else owner first.")


class AlreadyMember(Conflict):
    code = "already_member"
    title = _("This person is already a member: change their role instead.")


class InvitationOver(Conflict):
    code = "invitation_over"
    title = _("This invitation was withdrawn, used or has expired. Ask for a new one.")
