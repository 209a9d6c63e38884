"""The doors of appointments."""

from smartqueue.appointments.operations._taking import Person, Wish
from smartqueue.appointments.operations.booking import (
    MOST_OF_A_VISIT,
    add_to_visit,
    book_appointment,
    book_series,
    book_visit,
    count_booking,
    hold_appointment,
)
from smartqueue.appointments.operations.busy_calendars import (
    Answer,
    add_busy_calendar,
    keep_busy_times,
    refresh_busy_calendar,
    remove_busy_calendar,
    url_of,
)
from smartqueue.appointments.operations.changing import (
    cancel_appointment,
    cancel_series,
    decline_appointment,
    reschedule_appointment,
    update_note,
)
from smartqueue.appointments.operations.checkin import (
    check_in_appointment,
    check_in_by_code,
    follow_ticket,
    mark_no_show,
)
from smartqueue.appointments.operations.clockwork import give_up_missed, remind_of_appointment
from smartqueue.appointments.operations.codes import send_booking_code, verify_booking_code
from smartqueue.appointments.operations.configuring import (
    add_absence,
    create_slot,
    create_slot_exception,
    generate_usual_slots,
    remove_absence,
    remove_slot_exception,
    retire_slot,
    set_booking_rules,
    update_slot,
    update_slot_exception,
)
from smartqueue.appointments.operations.confirming import (
    approve_appointment,
    confirm_appointment,
    confirm_attendance,
)
from smartqueue.appointments.operations.erasing import forget_person
from smartqueue.appointments.operations.expecting import tell_queues
from smartqueue.appointments.operations.feeds import (
    NewFeed,
    create_feed,
    read_calendar,
    revoke_feed,
)
from smartqueue.appointments.operations.waitlist import (
    accept_offer,
    decline_offer,
    expire_entry,
    expire_hold,
    join_waitlist,
    leave_waitlist,
)

__all__ = [
    "MOST_OF_A_VISIT",
    "Answer",
    "NewFeed",
    "Person",
    "Wish",
    "accept_offer",
    "add_absence",
    "add_busy_calendar",
    "add_to_visit",
    "approve_appointment",
    "book_appointment",
    "book_series",
    "book_visit",
    "cancel_appointment",
    "cancel_series",
    "check_in_appointment",
    "check_in_by_code",
    "confirm_appointment",
    "confirm_attendance",
    "count_booking",
    "create_feed",
    "create_slot",
    "create_slot_exception",
    "decline_appointment",
    "decline_offer",
    "expire_entry",
    "expire_hold",
    "follow_ticket",
    "forget_person",
    "generate_usual_slots",
    "give_up_missed",
    "hold_appointment",
    "join_waitlist",
    "keep_busy_times",
    "leave_waitlist",
    "mark_no_show",
    "read_calendar",
    "refresh_busy_calendar",
    "remind_of_appointment",
    "remove_absence",
    "remove_busy_calendar",
    "remove_slot_exception",
    "reschedule_appointment",
    "retire_slot",
    "revoke_feed",
    "send_booking_code",
    "set_booking_rules",
    "tell_queues",
    "update_note",
    "update_slot",
    "update_slot_exception",
    "url_of",
    "verify_booking_code",
]
