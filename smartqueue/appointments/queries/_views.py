"""How appointments and places on waitlists are told, in the branch's time."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from smartqueue.appointments.models import Appointment, WaitlistEntry


def holder_view(appointment: Appointment) -> dict[str, Any]:
    """Return an appointment as its holder and the staff see it."""
    zone = ZoneInfo(appointment.branch.timezone)

    def local(at: datetime | None) -> str | None:
        return at.astimezone(zone).isoformat() if at else None

    return {
        "id": str(appointment.pk),
        "reference": appointment.reference,
        "state": appointment.state,
        "service": str(appointment.service_id),
        "service_name": appointment.service.name,
        "branch": str(appointment.branch_id),
        "branch_name": appointment.branch.name,
        "agent": str(appointment.agent_id) if appointment.agent_id else None,
        "starts_at": local(appointment.starts_at),
        "ends_at": local(appointment.ends_at),
        "people": appointment.people,
        "customer_name": appointment.customer_name,
        "phone": appointment.phone,
        "answers": appointment.answers,
        "held_until": local(appointment.free_at) if appointment.state == "held" else None,
        "visit": str(appointment.visit_id) if appointment.visit_id else None,
        "series": str(appointment.series_id) if appointment.series_id else None,
        "moves": appointment.moves,
        "moved_from": local(appointment.moved_from),
        "checked_in_at": local(appointment.checked_in_at),
        "punctuality": appointment.punctuality,
        "attendance_at": local(appointment.attendance_at),
        "ticket": str(appointment.ticket_id) if appointment.ticket_id else None,
        "ticket_number": appointment.ticket.number if appointment.ticket else None,
        "uid": appointment.uid,
        "sequence": appointment.sequence,
        "version": appointment.version,
    }


def staff_view(appointment: Appointment) -> dict[str, Any]:
    """Return an appointment as the staff see it, with how it was made."""
    return holder_view(appointment) | {
        "channel": appointment.channel,
        "note": appointment.note,
        "ended_by": appointment.ended_by,
        "end_reason": appointment.end_reason,
    }


def door_view(appointment: Appointment) -> dict[str, Any]:
    """Return an appointment as the door shows it: nothing of the person that they did not say."""
    view = holder_view(appointment)
    return view | {"phone": "", "answers": {}}


def entry_view(entry: WaitlistEntry) -> dict[str, Any]:
    """Return a place on a waitlist as its holder and the staff see it, with an open offer."""
    offer = next((o for o in entry.offers.all() if o.state == "open"), None)
    return {
        "id": str(entry.pk),
        "state": entry.state,
        "service": str(entry.service_id),
        "branch": str(entry.branch_id),
        "from_date": entry.from_date.isoformat(),
        "until_date": entry.until_date.isoformat(),
        "from_time": f"{entry.from_time:%H:%M}" if entry.from_time else None,
        "until_time": f"{entry.until_time:%H:%M}" if entry.until_time else None,
        "people": entry.people,
        "created_at": entry.created_at.isoformat(),
        "offer": {
            "appointment": str(offer.appointment_id),
            "starts_at": offer.appointment.starts_at.isoformat(),
            "expires_at": offer.expires_at.isoformat(),
        }
        if offer
        else None,
    }
