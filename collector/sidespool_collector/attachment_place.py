"""Where a collector's attachments lie, by its settings: on disk or in a bucket."""

from sidespool.errors import ConfigError
from sidespool_collector.attachment import Files, FileStore
from sidespool_collector.settings import Settings


def files_of(settings: Settings) -> Files:
    """The files of a collector's settings; raises ConfigError for a part not installed."""
    if not settings.attachments_url:
        return FileStore(settings.attachments_path)
    try:
        from sidespool_collector.attachment_s3 import BucketFiles
    except ImportError:
        raise ConfigError(
            "COLLECTOR_ATTACHMENTS_URL",
            "s3:// needs an optional part",
            hint="pip install 'sidespool[s3]'",
        ) from None
    return BucketFiles(settings.attachments_url, settings.attachments_path)
