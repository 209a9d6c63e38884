from django.urls import URLPattern, URLResolver, path

from smartqueue.web.views import (
    accounts,
    agent,
    branding,
    cases,
    devices,
    display,
    home,
    join,
    journal,
    kiosk,
    mailbox,
    manage,
    members,
    organization_settings,
    places,
    pwa,
    support,
    support_access,
    ticket,
)

app_name = "web"


def _support(prefix: str, name: str) -> list[URLPattern]:
    """Return the pages of support for people, below an account or below a ticket's token."""
    case = prefix + "cases/<uuid:case_id>/"
    return [
        path(prefix, support.index, name=f"{name}support"),
        path(prefix + "new/", support.new, name=f"{name}support-new"),
        path(case, support.case, name=f"{name}support-case"),
        path(case + "messages/", support.message, name=f"{name}support-message"),
        path(
            case + "attachments/<uuid:attachment_id>/",
            support.attachment,
            name=f"{name}support-attachment",
        ),
        path(case + "<str:action>/", support.step, name=f"{name}support-step"),
    ]


urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("o/<slug:slug>/", places.organization, name="organization"),
    path("o/<slug:slug>/brand.css", branding.stylesheet, name="brand"),
    path("b/<slug:slug>/", places.branch, name="branch"),
    path("q/<uuid:queue_id>/", join.join, name="join"),
    path("q/<uuid:queue_id>/poster/", places.poster, name="poster"),
    path("t/<str:token>/", ticket.ticket, name="ticket"),
    path("t/<str:token>/state/", ticket.state, name="ticket-state"),
    path("t/<str:token>/more-time/", ticket.more_time, name="ticket-more-time"),
    path("t/<str:token>/leave/", ticket.leave, name="ticket-leave"),
    path("t/<str:token>/manifest.webmanifest", ticket.manifest, name="ticket-manifest"),
    path("d/<slug:slug>/", display.display, name="display"),
    path("d/<slug:slug>/speech/", display.speech, name="speech"),
    path("w/<str:token>/", display.wall, name="wall"),
    path("device/", devices.pair, name="pair"),
    path("k/<str:token>/", kiosk.kiosk, name="kiosk"),
    path("k/<str:token>/tickets/", kiosk.take, name="kiosk-take"),
    path("agent/", agent.console, name="agent"),
    path("agent/open/", agent.open_session, name="agent-open"),
    path("agent/console/", agent.part, name="agent-part"),
    path("agent/session/<str:action>/", agent.session_action, name="agent-session"),
    path("agent/tickets/<uuid:ticket_id>/<str:action>/", agent.ticket_action, name="agent-ticket"),
    path("manage/", manage.index, name="manage"),
    path("manage/branches/<uuid:branch_id>/", manage.branch, name="manage-branch"),
    path("manage/branches/<uuid:branch_id>/part/", manage.part, name="manage-part"),
    path(
        "manage/branches/<uuid:branch_id>/queues/<uuid:queue_id>/<str:action>/",
        manage.queue_action,
        name="manage-queue",
    ),
    path("manage/<uuid:organization_id>/journal/", journal.journal, name="journal"),
    path(
        "manage/<uuid:organization_id>/journal/export/",
        journal.export,
        name="journal-export",
    ),
    path("manage/cases/", cases.index, name="manage-cases"),
    path("manage/cases/part/", cases.part, name="manage-cases-part"),
    path("manage/cases/<uuid:case_id>/", cases.case, name="manage-case"),
    path("manage/cases/<uuid:case_id>/messages/", cases.message, name="manage-case-message"),
    path("manage/cases/<uuid:case_id>/<str:action>/", cases.action, name="manage-case-action"),
    *_support("support/", ""),
    *_support("t/<str:token>/support/", "ticket-"),
    path("manage/branches/<uuid:branch_id>/devices/", devices.devices, name="manage-devices"),
    path(
        "manage/branches/<uuid:branch_id>/devices/<uuid:device_id>/<str:action>/",
        devices.device_action,
        name="manage-device",
    ),
    path("manage/support/", support_access.for_staff, name="support"),
    path("manage/support/<uuid:access_id>/close/", support_access.close, name="support-close"),
    path("manage/<uuid:organization_id>/members/", members.members, name="manage-members"),
    path(
        "manage/<uuid:organization_id>/members/<uuid:member_id>/<str:action>/",
        members.member_action,
        name="manage-member",
    ),
    path(
        "manage/<uuid:organization_id>/invitations/<uuid:invitation_id>/<str:action>/",
        members.invitation_action,
        name="manage-invitation",
    ),
    path(
        "manage/<uuid:organization_id>/settings/",
        organization_settings.settings,
        name="manage-settings",
    ),
    path(
        "manage/<uuid:organization_id>/settings/logo/",
        organization_settings.logo,
        name="manage-logo",
    ),
    path(
        "manage/<uuid:organization_id>/settings/history/",
        organization_settings.history,
        name="manage-settings-history",
    ),
    path(
        "manage/<uuid:organization_id>/settings/history/<int:version>/restore/",
        organization_settings.restore,
        name="manage-settings-restore",
    ),
    path(
        "manage/<uuid:organization_id>/support/", support_access.for_owners, name="manage-support"
    ),
    path("invitation/", members.accept, name="accept-invitation"),
    path("sign-in/", accounts.sign_in, name="sign-in"),
    path("sign-in/confirm/", accounts.second_factor, name="second-factor"),
    path("register/", accounts.register, name="register"),
    path("verify/", accounts.verify, name="verify"),
    path("sign-out/", accounts.sign_out, name="sign-out"),
    path("language/", accounts.language, name="language"),
    path("dev/mailbox/", mailbox.mailbox, name="mailbox"),
    path("sw.js", pwa.service_worker, name="service-worker"),
    path("manifest.webmanifest", pwa.manifest, name="manifest"),
]
