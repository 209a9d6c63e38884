from django.urls import path

from smartqueue.queues.interfaces import rest, status

QUEUE = "queues/queues/<uuid:queue_id>/"
TICKET = "queues/tickets/<uuid:ticket_id>/"
SESSION = "agents/sessions/<uuid:session_id>/"

urlpatterns = [
    path("queues/queues/", rest.QueueListView.as_view(), name="queue-list"),
    path(QUEUE, rest.QueueView.as_view(), name="queue"),
    path(QUEUE + "status/", status.queue_status, name="queue-status"),
    path(QUEUE + "wait/", rest.QueueWaitView.as_view(), name="queue-wait"),
    path(QUEUE + "roster/", rest.RosterView.as_view(), name="roster"),
    path(QUEUE + "roster/<str:day>/", rest.RosterDayView.as_view(), name="roster-day"),
    path(QUEUE + "open/", rest.OpenQueueView.as_view(), name="queue-open"),
    path(QUEUE + "pause/", rest.PauseQueueView.as_view(), name="queue-pause"),
    path(QUEUE + "close/", rest.CloseQueueView.as_view(), name="queue-close"),
    path(QUEUE + "outage/", rest.OutageView.as_view(), name="queue-outage"),
    path(QUEUE + "message/", rest.QueueMessageView.as_view(), name="queue-message"),
    path(
        QUEUE + "message/preview/",
        rest.QueueMessagePreviewView.as_view(),
        name="queue-message-preview",
    ),
    path(QUEUE + "tickets/", rest.TicketsView.as_view(), name="queue-tickets"),
    path(QUEUE + "long-line/", rest.LongLineView.as_view(), name="queue-long-line"),
    path(QUEUE + "call-next/", rest.CallNextInQueueView.as_view(), name="queue-call-next"),
    path("queues/tickets/", rest.TicketListView.as_view(), name="ticket-list"),
    path("queues/tickets/my/", rest.MyTicketsView.as_view(), name="ticket-my"),
    path(TICKET, rest.TicketView.as_view(), name="ticket"),
    path(TICKET + "call/", rest.CallTicketView.as_view(), name="ticket-call"),
    path(TICKET + "recall/", rest.RecallView.as_view(), name="ticket-recall"),
    path(TICKET + "start/", rest.StartView.as_view(), name="ticket-start"),
    path(TICKET + "complete/", rest.CompleteView.as_view(), name="ticket-complete"),
    path(TICKET + "no-show/", rest.NoShowView.as_view(), name="ticket-no-show"),
    path(TICKET + "park/", rest.ParkView.as_view(), name="ticket-park"),
    path(TICKET + "resume/", rest.ResumeView.as_view(), name="ticket-resume"),
    path(TICKET + "return/", rest.ReturnView.as_view(), name="ticket-return"),
    path(TICKET + "transfer/", rest.TransferView.as_view(), name="ticket-transfer"),
    path(TICKET + "undo/", rest.UndoView.as_view(), name="ticket-undo"),
    path(TICKET + "cancel/", rest.CancelView.as_view(), name="ticket-cancel"),
    path(TICKET + "more-time/", rest.MoreTimeView.as_view(), name="ticket-more-time"),
    path(TICKET + "use-return/", rest.UseReturnView.as_view(), name="ticket-use-return"),
    path("queues/analytics/", rest.QueueAnalyticsView.as_view(), name="queue-analytics"),
    path("business/analytics/", rest.BusinessAnalyticsView.as_view(), name="business-analytics"),
    path("agents/sessions/", rest.SessionListView.as_view(), name="session-list"),
    path(SESSION, rest.SessionView.as_view(), name="session"),
    path(SESSION + "break/", rest.BreakView.as_view(), name="session-break"),
    path(SESSION + "resume/", rest.ResumeSessionView.as_view(), name="session-resume"),
    path(SESSION + "end/", rest.EndSessionView.as_view(), name="session-end"),
    path(SESSION + "call-next/", rest.CallNextView.as_view(), name="session-call-next"),
]
