"""Files of every bad kind are refused with a typed problem; what is kept carries nothing along."""

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from PIL import Image
from rest_framework.response import Response

from smartqueue.accounts.actor import ANONYMOUS
from smartqueue.common import uploads
from smartqueue.common.rest.forms import uploaded_file
from smartqueue.common.rest.parsers import BoundedFormParser, BoundedJsonParser
from smartqueue.common.rest.views import ApiView
from smartqueue.idempotency.rest import idempotent

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def file(content: bytes, name: str = "photo.png", media_type: str = "image/png") -> Any:
    return SimpleUploadedFile(name, content, media_type)


def picture(form: str = "PNG", size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    out = io.BytesIO()
    mode = options.pop("mode", "RGB")
    Image.new(mode, size, options.pop("color", "teal")).save(out, form, **options)
    return out.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png(width: int, height: int, rows: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    content = zlib.compress(rows, 9)
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def webp_of_many_pixels() -> bytes:
    extended = b"\x00" * 4 + struct.pack("<I", 16382)[:3] + struct.pack("<I", 16382)[:3]
    body = b"WEBPVP8X" + struct.pack("<I", len(extended)) + extended
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_of_many_pixels() -> bytes:
    content = bytearray(picture("JPEG"))
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", 50_000, 50_000)
    return bytes(content)


def text_bomb() -> bytes:
    """Return a small PNG with a text that takes 50 MB unpacked."""
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"\0" * 50_000_000, 9))
    whole = picture()
    return whole[:33] + text + whole[33:]


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("run.js", "alert(1)")
    return out.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'

REFUSED: dict[str, tuple[Any, type[uploads.Problem]]] = {
    "nothing": (lambda: file(b""), uploads.EmptyFile),
    "over the limit": (
        lambda: file(picture() + b"\0" * uploads.MOST_BYTES),
        uploads.FileTooLarge,
    ),
    "svg": (lambda: file(SVG, "logo.svg", "image/svg+xml"), uploads.UnsupportedFile),
    "svg said to be png": (lambda: file(SVG), uploads.UnsupportedFile),
    "html": (
        lambda: file(b"<html><script>alert(1)</script></html>", "a.html", "text/html"),
        uploads.UnsupportedFile,
    ),
    "png and html": (
        lambda: file(picture() + b"<script>alert(1)</script>"),
        uploads.UnsupportedFile,
    ),
    "png and zip": (lambda: file(picture() + archive()), uploads.UnsupportedFile),
    "pdf inside png": (
        lambda: file(picture()[:33] + chunk(b"tEXt", b"a\0" + PDF) + picture()[33:]),
        uploads.UnsupportedFile,
    ),
    "gif": (
        lambda: file(picture("GIF"), "a.gif", "image/gif"),
        uploads.UnsupportedFile,
    ),
    "wrong content type": (
        lambda: file(picture(), "a.png", "text/html"),
        uploads.UnsupportedFile,
    ),
    "wrong suffix": (lambda: file(picture(), "a.png.html"), uploads.UnsupportedFile),
    "a program": (
        lambda: file(b"MZ\x90\0" + b"\0" * 100, "photo.jpg.exe", "image/jpeg"),
        uploads.UnsupportedFile,
    ),
    "50,000 by 50,000 png": (lambda: file(png(50_000, 50_000, b"\0")), uploads.TooManyPixels),
    "5,001 by 5,001 png": (lambda: file(png(5_001, 5_001, b"\0")), uploads.TooManyPixels),
    "50,000 by 50,000 jpeg": (
        lambda: file(jpeg_of_many_pixels(), "a.jpg", "image/jpeg"),
        uploads.TooManyPixels,
    ),
    "16,383 by 16,383 webp": (
        lambda: file(webp_of_many_pixels(), "a.webp", "image/webp"),
        uploads.TooManyPixels,
    ),
    "text bomb": (lambda: file(text_bomb()), uploads.DamagedFile),
    "truncated png": (
        lambda: file(picture(size=(400, 400))[:200]),
        uploads.DamagedFile,
    ),
    "truncated jpeg": (
        lambda: file(picture("JPEG", (400, 400))[:-900], "a.jpg", "image/jpeg"),
        uploads.DamagedFile,
    ),
    "header alone": (lambda: file(b"\x89PNG\r\n\x1a\n"), uploads.DamagedFile),
    "webp header alone": (
        lambda: file(b"RIFF\x04\0\0\0WEBP", "a.webp", "image/webp"),
        uploads.DamagedFile,
    ),
    "pixels that are missing": (lambda: file(png(4_000, 4_000, b"\0" * 100)), uploads.DamagedFile),
}

PDF_REFUSED: dict[str, tuple[bytes, str, str, type[uploads.Problem]]] = {
    "cut short": (PDF[:40], "a.pdf", "application/pdf", uploads.DamagedFile),
    "with a script": (
        PDF.replace(b"/Catalog", b"/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>"),
        "a.pdf",
        "application/pdf",
        uploads.UnsupportedFile,
    ),
    "with a file inside": (
        PDF.replace(b"/Catalog", b"/EmbeddedFile"),
        "a.pdf",
        "application/pdf",
        uploads.UnsupportedFile,
    ),
    "and html": (
        PDF.replace(b"1.4\n", b"1.4\n<html><body>"),
        "a.pdf",
        "application/pdf",
        uploads.UnsupportedFile,
    ),
    "and zip": (PDF + archive(), "a.pdf", "application/pdf", uploads.UnsupportedFile),
    "said to be an image": (PDF, "a.pdf", "image/png", uploads.UnsupportedFile),
    "named as a program": (PDF, "a.pdf.exe", "application/pdf", uploads.UnsupportedFile),
    "after something else": (b"x" + PDF, "a.pdf", "application/pdf", uploads.UnsupportedFile),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
@pytest.mark.parametrize("clean", [uploads.clean_image, uploads.clean_attachment])
def test_a_bad_file_is_refused_by_its_name(name: str, clean: Any) -> None:
    make, problem = REFUSED[name]

    with pytest.raises(problem) as raised:
        clean(make())

    assert 400 <= raised.value.status < 500


@pytest.mark.parametrize("name", sorted(PDF_REFUSED))
def test_a_bad_pdf_is_refused(name: str) -> None:
    content, called, media_type, problem = PDF_REFUSED[name]

    with pytest.raises(problem):
        uploads.clean_attachment(file(content, called, media_type))


def test_size_is_looked_at_before_anything_is_read() -> None:
    class Heavy(SimpleUploadedFile):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("was read")

    heavy = Heavy("a.png", b"", "image/png")
    heavy.size = uploads.MOST_BYTES + 1

    with pytest.raises(uploads.FileTooLarge):
        uploads.clean_image(heavy)


def test_pixels_are_counted_before_they_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: Any) -> None:
        raise AssertionError("was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)

    with pytest.raises(uploads.TooManyPixels):
        uploads.clean_image(file(png(5_001, 5_001, b"\0")))


def test_an_image_is_no_pdf_where_images_alone_are_taken() -> None:
    with pytest.raises(uploads.UnsupportedFile):
        uploads.clean_image(file(PDF, "a.pdf", "application/pdf"))


def test_a_pdf_stays_as_it_is() -> None:
    clean = uploads.clean_attachment(file(PDF, "Facture.PDF", "application/pdf"))

    assert (clean.content, clean.media_type, clean.suffix) == (PDF, "application/pdf", ".pdf")


@pytest.mark.parametrize(
    ("form", "media_type", "suffix"),
    [("PNG", "image/png", ".png"), ("JPEG", "image/jpeg", ".jpg"), ("WEBP", "image/webp", ".webp")],
)
def test_an_image_is_drawn_anew_within_bounds(form: str, media_type: str, suffix: str) -> None:
    clean = uploads.clean_image(
        file(picture(form, (1600, 800)), f"logo{suffix}", media_type), side=400
    )

    assert (clean.media_type, clean.suffix, clean.width, clean.height) == (
        media_type,
        suffix,
        400,
        200,
    )
    assert Image.open(io.BytesIO(clean.content)).size == (400, 200)


def test_place_camera_comment_and_profile_do_not_survive() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Tecno"
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[2] = (14.0, 42.0, 0.0)
    content = picture("JPEG", exif=exif, comment=b"Awa", icc_profile=b"profile", xmp=b"<x/>")
    assert b"Tecno" in content

    clean = uploads.clean_image(file(content, "a.jpg", "image/jpeg"))

    kept = Image.open(io.BytesIO(clean.content))
    assert dict(kept.getexif()) == {}
    assert set(kept.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert all(word not in clean.content for word in (b"Tecno", b"Awa", b"profile", b"<x/>"))
    assert kept.size == (30, 40), "it is turned upright before its orientation is dropped"


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_metadata_of_other_kinds_does_not_survive(form: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Tecno"
    content = picture(form, exif=exif, icc_profile=b"profile")
    assert b"Tecno" in content

    clean = uploads.clean_image(file(content, f"a.{form.lower()}", f"image/{form.lower()}"))

    assert set(Image.open(io.BytesIO(clean.content)).info) <= {"loop", "background", "duration"}
    assert b"Tecno" not in clean.content


def test_transparency_survives() -> None:
    clean = uploads.clean_image(file(picture(mode="RGBA", color=(9, 9, 9, 0))))

    assert Image.open(io.BytesIO(clean.content)).getpixel((0, 0)) == (9, 9, 9, 0)


def test_other_models_of_colour_are_taken() -> None:
    clean = uploads.clean_image(file(picture("JPEG", mode="CMYK"), "a.jpg", "image/jpeg"))

    assert Image.open(io.BytesIO(clean.content)).mode == "RGB"


def test_a_photograph_sent_as_png_becomes_smaller() -> None:
    noise = Image.effect_noise((1200, 1200), 90).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "PNG")

    clean = uploads.clean_image(file(out.getvalue()), side=1200)

    assert clean.media_type == "image/webp"
    assert clean.size < len(out.getvalue())


def test_an_image_named_as_another_image_is_what_its_bytes_are() -> None:
    clean = uploads.clean_image(file(picture("WEBP"), "IMG-2026.jpg", "image/jpeg"))

    assert clean.media_type == "image/webp"


def test_names_are_ours_and_differ() -> None:
    owner = uuid4()
    clean = uploads.clean_image(file(picture(), "../../etc/passwd.png"))

    first, second = (uploads.store_public(clean, organization_id=owner) for _ in range(2))

    assert first != second
    assert first.startswith(f"public/{owner}/")
    assert "passwd" not in first
    assert uploads.public_url(first) == f"/media/{first}"
    kept = uploads.store_private(clean, area="names", organization_id=None)
    assert kept.startswith("private/names/platform/")
    assert list(uploads.private_files("names")) == [kept]
    assert list(uploads.private_files("other")) == []
    uploads.remove(first)
    uploads.remove(first)
    assert not default_storage.exists(first)


def test_the_quota_counts_all_files_together(settings: Any) -> None:
    settings.MEDIA_QUOTA_MEGABYTES = 1
    uploads.require_room(used=uploads.MEGABYTE - 10, adding=10)
    with pytest.raises(uploads.StorageFull):
        uploads.require_room(used=uploads.MEGABYTE - 10, adding=11)


@pytest.fixture
def on_disk(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    }
    return tmp_path


@pytest.mark.django_db
def test_a_public_file_has_no_power(client: Client, on_disk: Path) -> None:
    clean = uploads.clean_image(file(picture()))
    name = uploads.store_public(clean, organization_id=uuid4())

    response = client.get(uploads.public_url(name))

    assert b"".join(response.streaming_content) == clean.content
    headers = response.headers
    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Security-Policy"] == uploads.POWERLESS
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"] == 'inline; filename="picture.png"'
    assert "immutable" in headers["Cache-Control"]
    assert client.post(uploads.public_url(name)).status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("file_name", ["unknown.png", "..%2Fsecret.png", "page.html", "secret.pdf"])
def test_nothing_else_is_public(client: Client, on_disk: Path, file_name: str) -> None:
    owner = uuid4()
    for area in ("private", "public"):
        (on_disk / area / str(owner)).mkdir(parents=True)
        for kept in ("page.html", "secret.pdf", "hidden.png"):
            (on_disk / area / str(owner) / kept).write_bytes(b"x")
    (on_disk / "public" / "secret.png").write_bytes(b"x")

    assert client.get(f"/media/public/{owner}/{file_name}").status_code in {400, 404}
    assert client.get(f"/media/private/{owner}/hidden.png").status_code == 404


@pytest.mark.django_db
def test_a_download_never_opens_in_the_page(on_disk: Path) -> None:
    name = uploads.store_private(
        uploads.clean_attachment(file(PDF, "a.pdf", "application/pdf")),
        area="cases",
        organization_id=uuid4(),
    )

    response = uploads.download(name, media_type="application/pdf", filename="attachment.pdf")

    assert b"".join(response.streaming_content) == PDF  # type: ignore[arg-type]
    assert response.headers["Content-Disposition"] == 'attachment; filename="attachment.pdf"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"] == uploads.POWERLESS
    assert response.headers["Cache-Control"] == "private, no-store"
    response.close()


class Desk(ApiView):
    public = True
    parser_classes = [BoundedFormParser]

    @idempotent
    def post(self, request: Any) -> Response:
        clean = uploads.clean_image(uploaded_file(request))
        return Response({"size": clean.size, "at": uuid4().hex}, status=201)


class JsonDesk(Desk):
    parser_classes = [BoundedJsonParser]


def send(view: type[ApiView], data: Any, **headers: Any) -> Any:
    request = RequestFactory().post("/desk/", data, headers=headers.pop("headers", None), **headers)
    request.actor, request.uses_session = ANONYMOUS, False
    response = view.as_view()(request)
    response.render()
    return response


@pytest.mark.django_db
def test_a_form_brings_its_file() -> None:
    response = send(Desk, {"file": file(picture())})

    assert response.status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        ({"file": "words"}, 400, "invalid_input"),
        ({"other": file(picture())}, 400, "invalid_input"),
        ({f"f{number}": file(picture()) for number in range(11)}, 400, "malformed_body"),
        ({f"f{number}": "x" for number in range(201)}, 400, "malformed_body"),
        ({"file": file(b"words", "a.png")}, 415, "unsupported_file"),
    ],
    ids=["words", "another field", "many files", "many fields", "no image"],
)
def test_a_bad_form_is_a_problem(data: Any, status: int, code: str) -> None:
    response = send(Desk, data)

    assert (response.status_code, response.data["code"]) == (status, code)


@pytest.mark.django_db
def test_a_body_over_the_limit_is_refused_unread() -> None:
    class Unread(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("was read")

    response = send(
        Desk,
        {"file": file(picture())},
        CONTENT_LENGTH=uploads.MOST_BODY_BYTES + 1,
        **{"wsgi.input": Unread()},
    )

    assert (response.status_code, response.data["code"]) == (413, "body_too_large")


@pytest.mark.django_db
def test_only_addresses_that_take_files_read_forms() -> None:
    assert send(JsonDesk, {"file": file(picture())}).data["code"] == "unsupported_media_type"
    response = send(Desk, "{}", content_type="application/json")
    assert (response.status_code, response.data["code"]) == (415, "unsupported_media_type")


@pytest.mark.django_db
def test_a_truncated_form_is_a_problem() -> None:
    response = send(Desk, b"--x\r\nContent-Disp", content_type="multipart/form-data; boundary=x")

    assert 400 <= response.status_code < 500


@pytest.mark.django_db(transaction=True)
def test_the_same_key_takes_the_same_file_alone() -> None:
    key = {"Idempotency-Key": str(uuid4())}

    first = send(Desk, {"file": file(picture())}, headers=key)
    again = send(Desk, {"file": file(picture())}, headers=key)
    other = send(Desk, {"file": file(picture(color="red"))}, headers=key)

    assert (first.data["at"], again.data["at"]) == (first.data["at"], first.data["at"])
    assert (other.status_code, other.data["code"]) == (422, "idempotency_key_reused")


@pytest.mark.django_db
def test_a_page_s_form_is_bounded_too_and_says_so(client: Client) -> None:
    response = client.post(
        "/sign-in/",
        {"file": file(picture())},
        CONTENT_LENGTH=uploads.MOST_BODY_BYTES + 1,
        headers={"Accept-Language": "en"},
    )

    assert response.status_code == 413
    assert "20 MB" in response.content.decode()
