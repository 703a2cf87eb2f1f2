"""EBS: the key of an account and Region for volumes that name none.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetEbsDefaultKmsKeyId.html
"""

from moto.core.responses import ActionResult
from moto.ec2 import urls
from moto.ec2.responses import EC2Response as MotoResponse

from sandbox.aws.extensions.wiring import replace_response

AWS_OWN = "alias/aws/ebs"
"""What GetEbsDefaultKmsKeyId answers until somebody chose another key."""


class EC2Response(MotoResponse):  # type: ignore[misc]
    def get_ebs_default_kms_key_id(self) -> ActionResult:
        return ActionResult({"KmsKeyId": self.ec2_backend.default_kms_key_id or AWS_OWN})

    def modify_ebs_default_kms_key_id(self) -> ActionResult:
        return ActionResult({"KmsKeyId": self.ec2_backend.modify_ebs_default_kms_key_id(self._get_param("KmsKeyId"))})

    def reset_ebs_default_kms_key_id(self) -> ActionResult:
        self.ec2_backend.default_kms_key_id = ""
        return ActionResult({"KmsKeyId": AWS_OWN})


def install() -> None:
    replace_response(urls, MotoResponse, EC2Response)
