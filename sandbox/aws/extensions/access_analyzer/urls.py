"""Every path of the service goes to one dispatcher."""

from sandbox.aws.extensions.access_analyzer.responses import AccessAnalyzerResponse

url_bases = [r"https?://access-analyzer\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/(?P<path>.+)$": AccessAnalyzerResponse.dispatch}
