"""Old events, kept where they cost little: Parquet by day, in a directory or S3 (extra ``archive``).

`Archive` is all most need::

    archive = Archive(store, place_at("s3://bucket/events"), by="nightly job")
    archive.run(before)

Read in this order: `places`, `manifest`, `columns`, `files`, `archiver`, `changing`, `query`.
"""

from __future__ import annotations

from sesevent.contrib.archive.archiver import Archive, Archived, Flaw, Restored, Verified
from sesevent.contrib.archive.changing import Changed
from sesevent.contrib.archive.manifest import Manifest
from sesevent.contrib.archive.places import Bucket, Directory, Place, place_at
from sesevent.storage.keeping import Chosen

__all__ = [
    "Archive", "Archived", "Bucket", "Changed", "Chosen", "Directory", "Flaw", "Manifest", "Place", "Restored",
    "Verified", "place_at",
]  # fmt: skip
