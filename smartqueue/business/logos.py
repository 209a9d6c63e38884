"""A logo on its way into the settings: drawn anew before the operation, taken back if it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile

from smartqueue.business.models import OrganizationSettings, SettingsVersion
from smartqueue.common import uploads


@contextmanager
def kept_logo(given: "UploadedFile[bytes]", organization_id: UUID) -> Iterator[str]:
    """
    Draw a picture anew and store it for `operations.set_logo` inside; on leaving it is deleted when
    no settings name it, be it that the operation refused or that its answer was already there.

    Enter it outside any transaction and after a policy has let the caller in.

    :raises EmptyFile, FileTooLarge, TooManyPixels, UnsupportedFile, DamagedFile: no such picture
    """
    clean = uploads.clean_image(given)
    name = uploads.store_public(clean, organization_id=organization_id)
    try:
        yield name
    finally:
        if not _is_named(name, organization_id):
            uploads.remove(name)


def _is_named(name: str, organization_id: UUID) -> bool:
    # A version of the history may bring a picture back that somebody has replaced meanwhile.
    past = SettingsVersion.objects.with_scopes_disabled().filter(organization=organization_id)
    present = OrganizationSettings.objects.with_scopes_disabled().filter(logo=name)
    return bool(present.exists() or past.filter(after__logo=name).exists())
