"""Every path of the EKS API goes to one dispatcher, which finds the operation in botocore's model."""

from sandbox.aws.extensions.eks.responses import EksResponse

url_bases = [r"https?://eks\.(.+)\.amazonaws.com"]
url_paths = {"{0}/(?P<path>.+)$": EksResponse.dispatch}
