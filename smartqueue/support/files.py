"""Files on their way into a case: kept on disk before the operation, taken back if it fails."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse

from smartqueue.common import uploads
from smartqueue.support import queries
from smartqueue.support.enums import MOST_FILES
from smartqueue.support.errors import TooManyFiles
from smartqueue.support.models import CaseAttachment

AREA: Final = "cases"


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A clean file that is stored and that no case names yet."""

    stored_name: str
    media_type: str
    size: int


@contextmanager
def kept(
    given: "Iterable[UploadedFile[bytes]]", organization_id: UUID | None
) -> Iterator[list[KeptFile]]:
    """
    Clean and store files for the operation inside; on leaving, those that no case has taken are
    deleted, be it that the operation refused or that its answer was already there.

    Enter it outside any transaction and after a policy has let the caller in.

    :raises TooManyFiles: more than one message takes
    """
    given = list(given)
    if len(given) > MOST_FILES:
        raise TooManyFiles(limit=MOST_FILES)
    clean = [uploads.clean_attachment(one) for one in given]
    files = [
        KeptFile(
            uploads.store_private(one, area=AREA, organization_id=organization_id),
            one.media_type,
            one.size,
        )
        for one in clean
    ]
    try:
        yield files
    finally:
        names = [file.stored_name for file in files]
        for name in set(names) - (queries.names_in_use(names) if names else set()):
            uploads.remove(name)


def download(attachment: CaseAttachment) -> FileResponse:
    """Return a file, to somebody let in, under a name that says nothing of whoever sent it."""
    suffix = attachment.stored_name.rpartition(".")[2]
    return uploads.download(
        attachment.stored_name,
        media_type=attachment.media_type,
        filename=f"attachment-{attachment.pk.hex[-8:]}.{suffix}",
    )
