"""The tagging API shows the buckets of the region that is asked; moto shows all of them everywhere.

https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
"""

from collections.abc import Iterator
from typing import Any

from moto.resourcegroupstaggingapi import models
from moto.s3.models import s3_backends

from sandbox.aws.extensions.wiring import replace_backend


class TaggingBackend(models.ResourceGroupsTaggingAPIBackend):  # type: ignore[misc]
    def _get_resources_generator(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        for resource in super()._get_resources_generator(*args, **kwargs):
            if resource.resource_type != "s3:bucket" or self._is_here(resource.arn):
                yield resource

    def _is_here(self, arn: str) -> bool:
        _, partition, *_, name = arn.split(":")
        bucket = s3_backends[self.account_id][partition].buckets[name]
        return bool(bucket.region_name == self.region_name)


def install() -> None:
    replace_backend(models.resourcegroupstaggingapi_backends, models, TaggingBackend)
