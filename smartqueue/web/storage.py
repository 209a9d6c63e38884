"""Static files under names that carry their content's hash, in the imports of our scripts too."""

from whitenoise.storage import CompressedManifestStaticFilesStorage as Base

_IMPORTS = Base._js_module_import_aggregation_patterns[1]  # Django's own, for all *.js


class StaticFiles(Base):  # type: ignore[misc]  # untyped package
    """Rewrites imports below web/js only: packages ship scripts whose imports are not files."""

    patterns = (*Base.patterns, ("web/js/*.js", _IMPORTS))
