"""What an account has set in a Region for machines and volumes that say nothing themselves: the key of volumes
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetEbsDefaultKmsKeyId.html) and the metadata service
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataDefaults.html).
"""

from moto.core.responses import ActionResult
from moto.ec2 import urls
from moto.ec2.responses import EC2Response as MotoResponse

from sandbox.aws.extensions.wiring import replace_response

AWS_OWN = "alias/aws/ebs"
"""What GetEbsDefaultKmsKeyId answers until somebody chose another key."""

METADATA = ("HttpTokens", "HttpPutResponseHopLimit", "HttpEndpoint", "InstanceMetadataTags")


class EC2Response(MotoResponse):  # type: ignore[misc]
    def get_ebs_default_kms_key_id(self) -> ActionResult:
        return ActionResult({"KmsKeyId": self.ec2_backend.default_kms_key_id or AWS_OWN})

    def modify_ebs_default_kms_key_id(self) -> ActionResult:
        return ActionResult({"KmsKeyId": self.ec2_backend.modify_ebs_default_kms_key_id(self._get_param("KmsKeyId"))})

    def reset_ebs_default_kms_key_id(self) -> ActionResult:
        self.ec2_backend.default_kms_key_id = ""
        return ActionResult({"KmsKeyId": AWS_OWN})

    def get_instance_metadata_defaults(self) -> ActionResult:
        return ActionResult({"AccountLevel": getattr(self.ec2_backend, "metadata_defaults", {})})

    def modify_instance_metadata_defaults(self) -> ActionResult:
        kept = dict(getattr(self.ec2_backend, "metadata_defaults", {}))
        for name in METADATA:
            value = self._get_param(name)
            if value in ("no-preference", "-1", -1):
                kept.pop(name, None)
            elif value:
                kept[name] = int(value) if name == "HttpPutResponseHopLimit" else value
        self.ec2_backend.metadata_defaults = kept
        return ActionResult({"Return": True})


def install() -> None:
    replace_response(urls, MotoResponse, EC2Response)
