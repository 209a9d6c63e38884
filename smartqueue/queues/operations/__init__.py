"""The doors of queues."""

from smartqueue.queues.operations.calling import (
    call_next_for_session,
    call_next_ticket,
    call_ticket,
    mark_no_show,
    recall_ticket,
)
from smartqueue.queues.operations.configuring import (
    create_queue,
    give_tickets,
    retire_queue,
    stop_tickets,
    update_queue,
)
from smartqueue.queues.operations.erasing import forget_person
from smartqueue.queues.operations.expecting import expect_booked
from smartqueue.queues.operations.expiring import (
    expire_tickets,
    follow_opening_hours,
    retire_closed_place_queue,
)
from smartqueue.queues.operations.holding import cancel_ticket, give_more_time, update_ticket
from smartqueue.queues.operations.joining import (
    Booked,
    admit_booked,
    issue_ticket,
    use_return_ticket,
)
from smartqueue.queues.operations.learning import (
    learn_from_all_queues,
    learn_lessons,
    learn_usual_counters,
    note_lesson,
    repair_learned_waits,
)
from smartqueue.queues.operations.limiting import count_joining
from smartqueue.queues.operations.opening import (
    OUTAGE,
    close_for_outage,
    close_queue,
    open_queue,
    pause_queue,
)
from smartqueue.queues.operations.rostering import forget_day, plan_day
from smartqueue.queues.operations.serving import (
    complete_ticket,
    park_ticket,
    resume_ticket,
    return_ticket,
    start_ticket,
    transfer_ticket,
)
from smartqueue.queues.operations.sessions import (
    close_forgotten_session,
    end_session,
    end_sessions_without_right,
    open_session,
    resume_session,
    take_break,
)
from smartqueue.queues.operations.showing import change_visibility
from smartqueue.queues.operations.telling import (
    LinePreview,
    count_textable,
    preview_to_waiting,
    set_long_line,
    watch_long_lines,
    watch_ticket,
    write_to_waiting,
)
from smartqueue.queues.operations.undoing import undo_step

__all__ = [
    "OUTAGE",
    "Booked",
    "LinePreview",
    "admit_booked",
    "call_next_for_session",
    "call_next_ticket",
    "call_ticket",
    "cancel_ticket",
    "change_visibility",
    "close_for_outage",
    "close_forgotten_session",
    "close_queue",
    "complete_ticket",
    "count_joining",
    "count_textable",
    "create_queue",
    "end_session",
    "end_sessions_without_right",
    "expect_booked",
    "expire_tickets",
    "follow_opening_hours",
    "forget_day",
    "forget_person",
    "give_more_time",
    "give_tickets",
    "issue_ticket",
    "learn_from_all_queues",
    "learn_lessons",
    "learn_usual_counters",
    "mark_no_show",
    "note_lesson",
    "open_queue",
    "open_session",
    "park_ticket",
    "pause_queue",
    "plan_day",
    "preview_to_waiting",
    "recall_ticket",
    "repair_learned_waits",
    "resume_session",
    "resume_ticket",
    "retire_closed_place_queue",
    "retire_queue",
    "return_ticket",
    "set_long_line",
    "start_ticket",
    "stop_tickets",
    "take_break",
    "transfer_ticket",
    "undo_step",
    "update_queue",
    "update_ticket",
    "use_return_ticket",
    "watch_long_lines",
    "watch_ticket",
    "write_to_waiting",
]
