"""AWS Backup: access policies of vaults, updates of plans, selections, restore testing, Region settings. No job runs:
a plan backs nothing up here.

https://docs.aws.amazon.com/aws-backup/latest/devguide/api-reference.html
"""

from moto.backup import models as moto_models
from moto.backup import urls

from sandbox.aws.extensions.backup.models import BackupBackend
from sandbox.aws.extensions.backup.responses import BackupResponse
from sandbox.aws.extensions.wiring import replace_backend


def install() -> None:
    """The extension's response serves every path: moto lists only those that it answers itself."""
    replace_backend(moto_models.backup_backends, moto_models, BackupBackend)
    urls.url_paths.clear()
    urls.url_paths["{0}/(?P<path>.+)$"] = BackupResponse.dispatch
