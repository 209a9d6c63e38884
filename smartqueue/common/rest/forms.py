"""Reading a request's body through a serializer."""

import functools
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType

from smartqueue.common.errors import InvalidInput, Problem
from smartqueue.common.rest.views import ApiRequest


class NotAForm(Problem):
    """The address takes a file, and the body is no form."""

    status = 415
    code = "unsupported_media_type"
    title = _("Send the file as multipart/form-data.")


@functools.cache
def _form(form: type[serializers.Serializer[Any]], *, partial: bool) -> serializers.Serializer[Any]:
    return form(partial=partial)


def read(
    form: type[serializers.Serializer[Any]], request: ApiRequest, *, partial: bool = False
) -> dict[str, Any]:
    """
    Return the validated body of a request.

    One serializer is kept per form: validation leaves nothing in it, and copying its fields for
    every request costs more than validating.

    :raises rest_framework.serializers.ValidationError: with every wrong field
    """
    values: dict[str, Any] = _form(form, partial=partial).run_validation(request.data)
    return values


def uploaded_file(request: ApiRequest, field: str = "file") -> "UploadedFile[bytes]":
    """
    Return the file of a form.

    :raises NotAForm: the body is of another kind
    :raises InvalidInput: there is no file under that name
    """
    try:
        given = request.FILES.get(field)
    except UnsupportedMediaType as error:
        raise NotAForm from error
    if not isinstance(given, UploadedFile):
        raise InvalidInput.on(field, _("Choose a file."), "required")
    return given
