from django.urls import URLPattern, URLResolver, path

from smartqueue.web.views import (
    account,
    accounts,
    agent,
    cases,
    display,
    home,
    join,
    journal,
    kiosk,
    mailbox,
    manage,
    places,
    pwa,
    security,
    support,
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
    path("sign-in/", accounts.sign_in, name="sign-in"),
    path("sign-in/confirm/", accounts.second_factor, name="second-factor"),
    path("sign-in/code/", accounts.ask_code, name="ask-code"),
    path("sign-in/code/enter/", accounts.code, name="code"),
    path("password/forgotten/", accounts.forgotten, name="forgotten"),
    path("password/new/", accounts.new_password, name="new-password"),
    path("account/", account.account, name="account"),
    path("account/profile/", account.profile, name="account-profile"),
    path("account/contact/", account.contact, name="account-contact"),
    path(
        "account/contact/<uuid:change_id>/", account.contact_change, name="account-contact-change"
    ),
    path("account/password/", account.password, name="account-password"),
    path("account/sessions/", account.sessions, name="account-sessions"),
    path("account/sessions/end-others/", account.end_others, name="account-sessions-end-others"),
    path("account/sessions/<uuid:session_id>/end/", account.end, name="account-session-end"),
    path("account/confirm/", accounts.confirm, name="confirm"),
    path("sign-in/passkey/", security.sign_in_with_passkey, name="passkey-sign-in"),
    path("account/confirm/passkey/", security.confirm_by_passkey, name="passkey-confirm"),
    path("account/security/", security.security, name="account-security"),
    path("account/security/app/", security.app, name="security-app"),
    path("account/security/app/remove/", security.remove_app, name="security-app-remove"),
    path("account/security/codes/", security.codes, name="security-codes"),
    path("account/security/passkeys/", security.passkeys, name="security-passkeys"),
    path(
        "account/security/passkeys/<uuid:passkey_id>/rename/",
        security.rename_passkey,
        name="security-passkey-rename",
    ),
    path(
        "account/security/passkeys/<uuid:passkey_id>/remove/",
        security.remove_passkey,
        name="security-passkey-remove",
    ),
    path("register/", accounts.register, name="register"),
    path("verify/", accounts.verify, name="verify"),
    path("sign-out/", accounts.sign_out, name="sign-out"),
    path("language/", accounts.language, name="language"),
    path("dev/mailbox/", mailbox.mailbox, name="mailbox"),
    path("sw.js", pwa.service_worker, name="service-worker"),
    path("manifest.webmanifest", pwa.manifest, name="manifest"),
]
