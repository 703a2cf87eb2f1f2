"""Every path of the service goes to one dispatcher."""

from sandbox.aws.extensions.oam.responses import OamResponse

url_bases = [r"https?://oam\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/(?P<path>.+)$": OamResponse.dispatch}
