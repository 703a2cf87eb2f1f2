"""CloudWatch composite alarms, and metric alarms that begin without data and turn by their values.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
"""

import threading

from moto.cloudwatch import urls
from moto.cloudwatch.models import cloudwatch_backends

from sandbox.aws.extensions.cloudwatch.evaluation import run_forever
from sandbox.aws.extensions.cloudwatch.models import CloudWatchBackend
from sandbox.aws.extensions.cloudwatch.responses import CloudWatchResponse


def install() -> None:
    cloudwatch_backends.backend = CloudWatchBackend
    for path in urls.url_paths:
        urls.url_paths[path] = CloudWatchResponse.dispatch
    threading.Thread(target=run_forever, args=(threading.Event(),), name="alarms", daemon=True).start()
