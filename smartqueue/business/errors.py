from django.utils.translation import gettext_lazy as _

from smartqueue.common.errors import Conflict, InvalidInput


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


class InvitationForAnother(Conflict):
    code = "invitation_for_another"
    title = _("This invitation is for somebody else.")
    detail = _("Sign in with the address or number it was sent to, or ask for one for yourself.")


class SentJustNow(Conflict):
    code = "sent_just_now"
    title = _("This invitation was sent a moment ago. Give it some minutes to arrive.")


class SentTooOften(Conflict):
    code = "sent_too_often"
    title = _("This invitation was sent too often. Withdraw it and check the address or number.")


class PairingCodeWrong(InvalidInput):
    code = "pairing_code_wrong"
    title = _("This code is not valid any more.")
    detail = _("Ask the manager of the branch for a new one.")


class SupportAlreadyOpen(Conflict):
    code = "support_already_open"
    title = _("You already have support access to this organization.")


class OwnFactorMissing(Conflict):
    """Who asks all staff for a second factor has none, and would be locked out by it."""

    code = "own_second_factor_missing"
    title = _("Add a second factor to your own account first.")
    detail = _("Without one, you would be the first who cannot work here any more.")


class SettingsChanged(Conflict):
    """`version` is the one to start from."""

    code = "settings_changed"
    title = _("Somebody else has changed the settings. Look at them again.")


class InvitationOver(Conflict):
    code = "invitation_over"
    title = _("This invitation was withdrawn, used or has expired. Ask for a new one.")
