"""
Files that people send: judged, written anew, kept under names of our own, served without power.

Nothing of a client survives but pixels, and the bytes of a PDF, which only ever leaves as a
download. `clean_image` and `clean_attachment` come before the operation and outside its
transaction; `store` likewise. An operation that fails afterwards is followed by `remove`.
"""

import io
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.core.files.uploadhandler import FileUploadHandler
from django.http import FileResponse, Http404, HttpRequest
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from PIL import Image, ImageOps

from smartqueue.common.errors import Conflict, InvalidInput, Problem

MEGABYTE: Final = 1_048_576
MOST_BYTES: Final = 10 * MEGABYTE
# Several files together, and the form around them.
MOST_BODY_BYTES: Final = 2 * MOST_BYTES + MEGABYTE
MOST_PIXELS: Final = 25_000_000
# Below this an image of flat colours stays a PNG.
MOST_PNG_BYTES: Final = MEGABYTE
ATTACHMENT_SIDE: Final = 2048
LOGO_SIDE: Final = 512

# A second guard below `_check_pixels`: Pillow itself refuses twice as many before it decodes.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS

POWERLESS: Final = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"


class EmptyFile(InvalidInput):
    code = "empty_file"
    title = _("The file is empty.")


class FileTooLarge(Problem):
    """`limit` is in bytes."""

    status = 413
    code = "file_too_large"
    title = _("The file is too large.")


class TooManyPixels(Problem):
    """`limit` is in pixels."""

    status = 413
    code = "too_many_pixels"
    title = _("The picture has too many pixels.")


class UnsupportedFile(Problem):
    status = 415
    code = "unsupported_file"
    title = _("Files of this kind are not accepted.")


class DamagedFile(Problem):
    status = 422
    code = "damaged_file"
    title = _("The file cannot be read: it is damaged or incomplete.")


class StorageFull(Conflict):
    """The organization's files together would pass the quota; `limit` is in bytes."""

    code = "storage_full"
    title = _("There is no room left for files of this organization.")


@dataclass(frozen=True, slots=True)
class CleanFile:
    """Content that may be kept; width and height are 0 for a PDF."""

    content: bytes
    media_type: str
    suffix: str
    width: int = 0
    height: int = 0

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return len(self.content)


@dataclass(frozen=True, slots=True)
class _Kind:
    media_type: str
    suffixes: frozenset[str]
    decoder: str = ""

    @property
    def is_image(self) -> bool:
        return bool(self.decoder)


_PNG = _Kind("image/png", frozenset({".png"}), "PNG")
_JPEG = _Kind("image/jpeg", frozenset({".jpg", ".jpeg", ".jfif"}), "JPEG")
_WEBP = _Kind("image/webp", frozenset({".webp"}), "WEBP")
_PDF = _Kind("application/pdf", frozenset({".pdf"}))
_IMAGES = (_PNG, _JPEG, _WEBP)
_SUFFIX_OF = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}
_UNTOLD = {"", "application/octet-stream"}

IMAGE_ACCEPT: Final = "image/png,image/jpeg,image/webp"
ATTACHMENT_ACCEPT: Final = f"{IMAGE_ACCEPT},application/pdf"

# What makes a browser or an unpacker read the same bytes as something else.
_MARKUP = re.compile(rb"<(?:script|html|!doctype|\?php|svg[\s>]|iframe|body[\s>])", re.IGNORECASE)
_ARCHIVE_END = b"PK\x05\x06"
_ARCHIVE_TAIL = 66_000
# Long enough words not to turn up in compressed content by chance.
_PDF_POWERS = re.compile(rb"/(?:JavaScript|Launch|EmbeddedFile|RichMedia)\b")
_PDF_END = re.compile(rb"%%EOF\s*\Z")


def clean_image(upload: "File[bytes]", *, side: int = LOGO_SIDE) -> CleanFile:
    """
    Return an image drawn anew, no larger than `side` pixels either way; nothing but its pixels is
    left, so no place and no camera. PNG, JPEG and WebP are taken.

    :raises EmptyFile: no bytes
    :raises FileTooLarge: more bytes than MOST_BYTES
    :raises TooManyPixels: more pixels than MOST_PIXELS, by its header
    :raises UnsupportedFile: of another kind, or of two kinds at once
    :raises DamagedFile: it cannot be decoded
    """
    return _drawn_anew(*_judged(upload, _IMAGES), side)


def clean_attachment(upload: "File[bytes]") -> CleanFile:
    """
    Return an image as `clean_image` does, or a PDF without scripts and files inside as it is.

    :raises EmptyFile: no bytes
    :raises FileTooLarge: more bytes than MOST_BYTES
    :raises TooManyPixels: more pixels than MOST_PIXELS, by its header
    :raises UnsupportedFile: of another kind, or of two kinds at once
    :raises DamagedFile: it cannot be decoded
    """
    kind, content = _judged(upload, (*_IMAGES, _PDF))
    if kind.is_image:
        return _drawn_anew(kind, content, ATTACHMENT_SIDE)
    _check_pdf(content)
    return CleanFile(content, kind.media_type, ".pdf")


def _judged(upload: "File[bytes]", accepted: tuple[_Kind, ...]) -> tuple[_Kind, bytes]:
    """Return what the bytes themselves say they are; size comes before reading."""
    if not upload.size:
        raise EmptyFile
    if upload.size > MOST_BYTES:
        raise FileTooLarge(limit=MOST_BYTES)
    upload.seek(0)
    content = upload.read(MOST_BYTES + 1)
    kind = _kind_of(content)
    if kind not in accepted or not _is_told_so(upload, kind) or _is_something_else_too(content):
        raise UnsupportedFile
    return kind, content


def _kind_of(content: bytes) -> _Kind | None:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _PNG
    if content.startswith(b"\xff\xd8\xff"):
        return _JPEG
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return _WEBP
    if content.startswith(b"%PDF-"):
        return _PDF
    return None


def _is_told_so(upload: "File[bytes]", kind: _Kind) -> bool:
    """
    Whether the client's words fit. One image named as another is common (a WebP that a phone
    saved as .jpg) and harmless, because it is drawn anew; anything else that differs is a disguise.
    """
    alike = _IMAGES if kind.is_image else (kind,)
    told = (getattr(upload, "content_type", None) or "").partition(";")[0].strip().lower()
    suffix = PurePosixPath(upload.name or "").suffix.lower()
    return (told in _UNTOLD or any(told == one.media_type for one in alike)) and (
        not suffix or any(suffix in one.suffixes for one in alike)
    )


def _is_something_else_too(content: bytes) -> bool:
    return (
        _MARKUP.search(content) is not None
        or _ARCHIVE_END in content[-_ARCHIVE_TAIL:]
        or b"%PDF-" in content[1:1024]
    )


def _check_pdf(content: bytes) -> None:
    if not _PDF_END.search(content[-1024:]):
        raise DamagedFile
    if _PDF_POWERS.search(content):
        raise UnsupportedFile


def _drawn_anew(kind: _Kind, content: bytes, side: int) -> CleanFile:
    if kind is _WEBP:
        # Its decoder takes memory for the whole canvas as soon as it is opened.
        _check_pixels(*_webp_size(content))
    try:
        with Image.open(io.BytesIO(content), formats=[kind.decoder]) as image:
            _check_pixels(*image.size)
            # A JPEG decodes straight to a smaller picture; the other kinds ignore this.
            image.draft(None, (side, side))
            image.load()
            bare = _bare(image, side)
        return _encoded(bare, kind)
    except Problem:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels(limit=MOST_PIXELS) from error
    except Exception as error:  # decoders raise whatever hostile bytes make them
        raise DamagedFile from error


def _check_pixels(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise TooManyPixels(limit=MOST_PIXELS)


def _webp_size(content: bytes) -> tuple[int, int]:
    """Return the canvas that a WebP's header promises; (0, 0) when there is none to be read."""

    def number(start: int, length: int) -> int:
        return int.from_bytes(content[start : start + length], "little")

    match content[12:16]:
        case b"VP8X":
            return number(24, 3) + 1, number(27, 3) + 1
        case b"VP8L":
            bits = number(21, 4)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return number(26, 2) & 0x3FFF, number(28, 2) & 0x3FFF
        case _:
            return 0, 0


def _bare(image: Image.Image, side: int) -> Image.Image:
    """Return the pixels alone: upright, of bounded size, in a new image that carries nothing."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    # Shrinking first turns and converts fewer pixels.
    image.thumbnail((side, side))
    upright = ImageOps.exif_transpose(image).convert(mode)
    bare = Image.new(mode, upright.size)
    bare.paste(upright)
    return bare


def _encoded(image: Image.Image, kind: _Kind) -> CleanFile:
    """Encode as it came; a PNG that is a photograph becomes a WebP."""
    form = kind.decoder
    content = _saved(image, form)
    if form == "PNG" and len(content) > MOST_PNG_BYTES:
        form = "WEBP"
        content = _saved(image, form)
    return CleanFile(content, f"image/{form.lower()}", _SUFFIX_OF[form], *image.size)


def _saved(image: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    image.save(out, form, optimize=True, quality=84)
    return out.getvalue()


def require_room(*, used: int, adding: int) -> None:
    """
    Check the files of one organization against the quota; all in bytes. The caller counts `used`
    under a lock that its other uploads wait for.

    :raises StorageFull: together they pass MEDIA_QUOTA_MEGABYTES
    """
    limit = settings.MEDIA_QUOTA_MEGABYTES * MEGABYTE
    if used + adding > limit:
        raise StorageFull(limit=limit)


def store_public(clean: CleanFile, *, organization_id: UUID) -> str:
    """Keep a file that anybody may see, such as a logo; return its name for `public_url`."""
    return _store(f"public/{organization_id}", clean)


def store_private(clean: CleanFile, *, area: str, organization_id: UUID | None) -> str:
    """
    Keep a file that only an authorising view gives out. `area` is a word of the app whose file it
    is; an organization of None is the platform.
    """
    return _store(f"private/{area}/{organization_id or 'platform'}", clean)


def _store(folder: str, clean: CleanFile) -> str:
    name = f"{folder}/{secrets.token_hex(16)}{clean.suffix}"
    return default_storage.save(name, ContentFile(clean.content))


def private_files(area: str) -> Iterator[str]:
    """Yield the names of all private files of one area."""
    root = f"private/{area}"
    try:
        folders, _files = default_storage.listdir(root)
    except FileNotFoundError:
        return
    for folder in folders:
        _folders, names = default_storage.listdir(f"{root}/{folder}")
        yield from (f"{root}/{folder}/{name}" for name in names)


def public_bytes(organization_id: UUID) -> int:
    """Return what the public files of an organization take together."""
    folder = f"public/{organization_id}"
    try:
        _folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return 0
    return sum(default_storage.size(f"{folder}/{name}") for name in names)


def kept_since(name: str) -> datetime:
    """Return when a stored file was written."""
    return default_storage.get_modified_time(name)


def remove(name: str) -> None:
    """Delete a stored file; one that is gone already stays gone. Call it outside a transaction."""
    default_storage.delete(name)


def public_url(name: str) -> str:
    """Return the address of a file that `store_public` kept; "" for no name."""
    return default_storage.url(name) if name else ""


@require_safe
def public_file(request: HttpRequest, organization_id: UUID, file: str) -> FileResponse:
    """Give out a public file; its name never stands for other content, so it may be kept."""
    suffix = PurePosixPath(file).suffix
    media_type = {one: kind.media_type for kind in _IMAGES for one in kind.suffixes}.get(suffix)
    if media_type is None:
        raise Http404
    response = _response(f"public/{organization_id}/{file}", media_type)
    response.headers["Content-Disposition"] = f'inline; filename="picture{suffix}"'
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def download(name: str, *, media_type: str, filename: str) -> FileResponse:
    """
    Return a private file as a download under a name of ours; the caller has authorised it.

    :raises Http404: the file is gone
    """
    response = _response(name, media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _response(name: str, media_type: str) -> FileResponse:
    try:
        stored = default_storage.open(name)
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(stored, content_type=media_type)
    response.headers["Content-Security-Policy"] = POWERLESS
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


class BoundedUploads(FileUploadHandler):
    """
    Refuses a form with files by its announced length, before any of it is written to disk.

    First in FILE_UPLOAD_HANDLERS, so that it guards every address: Django bounds the fields of a
    form (DATA_UPLOAD_MAX_MEMORY_SIZE) and the number of its files, not their bytes.
    """

    def handle_raw_input(
        self,
        input_data: object,
        META: dict[str, str],  # noqa: N803  # as Django calls it
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        if content_length > MOST_BODY_BYTES:
            raise RequestDataTooBig("The form is too large.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
