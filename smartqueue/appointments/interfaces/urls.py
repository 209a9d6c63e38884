from django.urls import path

from smartqueue.appointments.interfaces.rest import appointments, slots, waitlist

APPOINTMENT = "appointments/<uuid:appointment_id>/"
ENTRY = "waitlist/<uuid:entry_id>/"

urlpatterns = [
    path("appointment-slots/", slots.SlotListView.as_view(), name="slot-list"),
    path("appointment-slots/generate/", slots.GenerateSlotsView.as_view(), name="slot-generate"),
    path("appointment-slots/<uuid:slot_id>/", slots.SlotView.as_view(), name="slot"),
    path("slot-exceptions/", slots.SlotExceptionListView.as_view(), name="slot-exception-list"),
    path(
        "slot-exceptions/<uuid:exception_id>/",
        slots.SlotExceptionView.as_view(),
        name="slot-exception",
    ),
    path("booking-rules/<uuid:service_id>/", slots.RulesView.as_view(), name="booking-rules"),
    path("available-slots/", slots.AvailableSlotsView.as_view(), name="available-slots"),
    path("my-appointments/", appointments.MyAppointmentsView.as_view(), name="my-appointments"),
    path("appointments/", appointments.AppointmentListView.as_view(), name="appointment-list"),
    path(APPOINTMENT, appointments.AppointmentView.as_view(), name="appointment"),
    path(APPOINTMENT + "code/", appointments.CodeView.as_view(), name="appointment-code"),
    path(APPOINTMENT + "verify/", appointments.VerifyView.as_view(), name="appointment-verify"),
    path(APPOINTMENT + "confirm/", appointments.ConfirmView.as_view(), name="appointment-confirm"),
    path(
        APPOINTMENT + "attendance/",
        appointments.AttendanceView.as_view(),
        name="appointment-attendance",
    ),
    path(APPOINTMENT + "approve/", appointments.ApproveView.as_view(), name="appointment-approve"),
    path(APPOINTMENT + "decline/", appointments.DeclineView.as_view(), name="appointment-decline"),
    path(APPOINTMENT + "cancel/", appointments.CancelView.as_view(), name="appointment-cancel"),
    path(
        APPOINTMENT + "cancel-following/",
        appointments.CancelSeriesView.as_view(),
        name="appointment-cancel-following",
    ),
    path(
        APPOINTMENT + "check-in/", appointments.CheckInView.as_view(), name="appointment-check-in"
    ),
    path(APPOINTMENT + "no-show/", appointments.MissedView.as_view(), name="appointment-no-show"),
    path("visits/", appointments.VisitView.as_view(), name="visit-list"),
    path("series/", appointments.SeriesView.as_view(), name="series-list"),
    path("check-in/", appointments.DoorView.as_view(), name="check-in"),
    path("waitlist/", waitlist.WaitlistView.as_view(), name="waitlist"),
    path(ENTRY, waitlist.WaitlistEntryView.as_view(), name="waitlist-entry"),
    path(ENTRY + "accept/", waitlist.AcceptOfferView.as_view(), name="waitlist-accept"),
    path(ENTRY + "decline/", waitlist.DeclineOfferView.as_view(), name="waitlist-decline"),
    path("absences/", slots.AbsenceListView.as_view(), name="absence-list"),
    path("absences/<uuid:absence_id>/", slots.AbsenceView.as_view(), name="absence"),
]
