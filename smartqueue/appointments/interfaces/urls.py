from django.urls import path

from smartqueue.appointments.interfaces import rest

APPOINTMENT = "appointments/<uuid:appointment_id>/"
ENTRY = "waitlist/<uuid:entry_id>/"

urlpatterns = [
    path("appointment-slots/", rest.SlotListView.as_view(), name="slot-list"),
    path("appointment-slots/generate/", rest.GenerateSlotsView.as_view(), name="slot-generate"),
    path("appointment-slots/<uuid:slot_id>/", rest.SlotView.as_view(), name="slot"),
    path("slot-exceptions/", rest.SlotExceptionListView.as_view(), name="slot-exception-list"),
    path(
        "slot-exceptions/<uuid:exception_id>/",
        rest.SlotExceptionView.as_view(),
        name="slot-exception",
    ),
    path("booking-rules/<uuid:service_id>/", rest.RulesView.as_view(), name="booking-rules"),
    path("available-slots/", rest.AvailableSlotsView.as_view(), name="available-slots"),
    path("my-appointments/", rest.MyAppointmentsView.as_view(), name="my-appointments"),
    path("appointments/", rest.AppointmentListView.as_view(), name="appointment-list"),
    path(APPOINTMENT, rest.AppointmentView.as_view(), name="appointment"),
    path(APPOINTMENT + "code/", rest.CodeView.as_view(), name="appointment-code"),
    path(APPOINTMENT + "verify/", rest.VerifyView.as_view(), name="appointment-verify"),
    path(APPOINTMENT + "confirm/", rest.ConfirmView.as_view(), name="appointment-confirm"),
    path(APPOINTMENT + "attendance/", rest.AttendanceView.as_view(), name="appointment-attendance"),
    path(APPOINTMENT + "approve/", rest.ApproveView.as_view(), name="appointment-approve"),
    path(APPOINTMENT + "decline/", rest.DeclineView.as_view(), name="appointment-decline"),
    path(APPOINTMENT + "cancel/", rest.CancelView.as_view(), name="appointment-cancel"),
    path(
        APPOINTMENT + "cancel-following/",
        rest.CancelSeriesView.as_view(),
        name="appointment-cancel-following",
    ),
    path(APPOINTMENT + "check-in/", rest.CheckInView.as_view(), name="appointment-check-in"),
    path(APPOINTMENT + "no-show/", rest.MissedView.as_view(), name="appointment-no-show"),
    path("visits/", rest.VisitView.as_view(), name="visit-list"),
    path("series/", rest.SeriesView.as_view(), name="series-list"),
    path("check-in/", rest.DoorView.as_view(), name="check-in"),
    path("waitlist/", rest.WaitlistView.as_view(), name="waitlist"),
    path(ENTRY, rest.WaitlistEntryView.as_view(), name="waitlist-entry"),
    path(ENTRY + "accept/", rest.AcceptOfferView.as_view(), name="waitlist-accept"),
    path(ENTRY + "decline/", rest.DeclineOfferView.as_view(), name="waitlist-decline"),
    path("absences/", rest.AbsenceListView.as_view(), name="absence-list"),
    path("absences/<uuid:absence_id>/", rest.AbsenceView.as_view(), name="absence"),
]
