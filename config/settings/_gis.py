"""Where GDAL and GEOS are: in the wheels of pyogrio and shapely, else the system's own."""

import os
from importlib.util import find_spec
from pathlib import Path


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _library(package: str, pattern: str) -> str | None:
    folder = _package(package)
    if folder is None:
        return None
    found = sorted((folder.parent / f"{package}.libs").glob(pattern))
    return str(found[0]) if found else None


GDAL_LIBRARY_PATH = _library("pyogrio", "libgdal*.so*")
GEOS_LIBRARY_PATH = _library("shapely", "libgeos_c*.so*")

_pyogrio = _package("pyogrio")
if _pyogrio and (_pyogrio / "proj_data").is_dir():
    # GDAL reads this when it is loaded, so it must be there before Django loads it.
    os.environ.setdefault("PROJ_DATA", str(_pyogrio / "proj_data"))
