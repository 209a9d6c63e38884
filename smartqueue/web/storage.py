"""Static files under names that carry their content's hash, in scripts' imports too."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped package
    support_js_module_import_aggregation = True
