"""What can go wrong with messages; a channel without a provider is `accounts.errors.ChannelUnavailable`."""

from django.utils.translation import gettext_lazy as _

from smartqueue.common.errors import Conflict, InvalidInput, Problem


class UnknownText(LookupError):
    """No app has registered a text under this code: a mistake of the caller's."""


class NotOwnPerson(Problem):
    status = 403
    code = "not_own_person"
    title = _("You can write only to people who have to do with your organization.")


class NumberNotTextable(Problem):
    status = 422
    code = "number_not_textable"
    title = _("Text messages go to Senegalese mobile numbers only.")


class TextTooLong(Problem):
    """`segments` is how many the text takes, `most` how many it may."""

    status = 422
    code = "text_too_long"
    title = _("This text is too long for a text message.")


class OptedOut(Conflict):
    code = "opted_out"
    title = _("This person wants no more of these messages.")


class AddressDead(Conflict):
    code = "address_dead"
    title = _("Mails to this address came back. Ask the person for another one.")


class BudgetSpent(Conflict):
    code = "budget_spent"
    title = _("The budget of text messages of this month is spent.")


class BatchOver(Conflict):
    code = "batch_over"
    title = _("Nothing of this is left to be stopped.")


class PushTokenHeld(Conflict):
    code = "push_token_held"
    title = _("Somebody else is signed in on this phone. Sign them out there first.")


class BrowserNotReachable(Problem):
    """The address is not one of a browser's push service, or its keys are none."""

    status = 422
    code = "browser_not_reachable"
    title = _("This browser cannot be sent messages.")


def bad_sender_name() -> InvalidInput:
    """Return the failure of a name that phones do not show."""
    return InvalidInput.on(
        "sender_name",
        _("Up to 11 Latin letters, digits and spaces; it begins with a letter."),
        "sender_name",
    )


class TemplateBroken(Problem):
    """`line` is where it can no longer be read."""

    status = 422
    code = "template_broken"
    title = _("This template cannot be read. Look for a bracket or an end that is missing.")


class TemplateForbidden(Problem):
    """`line` and `found` name what is not allowed."""

    status = 422
    code = "template_forbidden"
    title = _("A template may hold variables and conditions, nothing else.")


class UnknownTemplateVariable(Problem):
    """`line` and `variable` name it."""

    status = 422
    code = "unknown_template_variable"
    title = _("This message has no such variable.")


class TemplateTooLong(Problem):
    """`length` is how long it gets with the longest values, `most` how long it may."""

    status = 422
    code = "template_too_long"
    title = _("With long names this message gets too long for its channel.")


class TemplateChangedMeanwhile(Conflict):
    code = "template_changed"
    title = _("Somebody else changed this text meanwhile. Look at it again.")
