"""The emulator's access log: which operation a request was, and nothing that a request held."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from logged_actions import actions_of

from sandbox.aws.access_log import FORM, AccessLog

AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=AKIA/20261123/eu-west-1/{}/aws4_request, SignedHeaders=host, Signature=0"


def line(
    tmp_path: Path, service: str, method: str, path: str, *, query: str = "", body: bytes = b"", **headers: str
) -> str:
    """What one request leaves in the log; the application has to find the body untouched."""
    environ: dict[str, Any] = {
        "HTTP_AUTHORIZATION": AUTHORIZATION.format(service), "REQUEST_METHOD": method, "PATH_INFO": path,
        "QUERY_STRING": query, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), **headers,
    }  # fmt: skip
    seen: list[bytes] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return []

    AccessLog(tmp_path / "access.log").around(application, environ, lambda *_: None)
    assert seen == [body]
    return (tmp_path / "access.log").read_text().splitlines()[-1]


def test_an_action_in_a_form_is_named_and_nothing_else_of_the_body(tmp_path: Path) -> None:
    body = b"Version=2010-05-08&Action=CreateRole&RoleName=secret-name"
    written = line(tmp_path, "iam", "POST", "/", body=body, CONTENT_TYPE=FORM)
    assert written.endswith(" iam eu-west-1 CreateRole")
    assert "secret-name" not in written


def test_of_a_query_only_the_keys_are_written(tmp_path: Path) -> None:
    written = line(tmp_path, "s3", "GET", "/bucket", query="versioning&prefix=people")
    assert written.endswith(" s3 eu-west-1 GET /bucket?prefix&versioning")


def test_a_target_header_names_the_operation(tmp_path: Path) -> None:
    written = line(tmp_path, "kms", "POST", "/", body=b"{}", HTTP_X_AMZ_TARGET="TrentService.CreateKey")
    assert written.endswith(" kms eu-west-1 CreateKey")


@pytest.mark.parametrize(
    ("service", "call", "action"),
    [
        ("sqs", "CreateQueue", "sqs:CreateQueue"),
        ("monitoring", "PutMetricAlarm", "cloudwatch:PutMetricAlarm"),
        ("s3", "GET /bucket?versioning", "s3:GetBucketVersioning"),
        ("s3", "PUT /bucket", "s3:CreateBucket"),
        ("s3", "HEAD /bucket", "s3:ListBucket"),
        ("s3", "PUT /bucket?encryption", "s3:PutEncryptionConfiguration"),
        ("s3", "PUT /v20180820/configuration/publicAccessBlock", "s3:PutAccountPublicAccessBlock"),
        ("eks", "GET /clusters/dev/node-groups/system", "eks:DescribeNodegroup"),
        ("eks", "GET /clusters/dev", "eks:DescribeCluster"),
        ("route53", "POST /2013-04-01/hostedzone/Z1/rrset", "route53:ChangeResourceRecordSets"),
        ("access-analyzer", "PUT /analyzer", "access-analyzer:CreateAnalyzer"),
    ],
)
def test_a_logged_call_has_its_iam_action(service: str, call: str, action: str) -> None:
    assert action in actions_of(service, call)


def test_a_call_that_no_operation_explains_is_an_error() -> None:
    with pytest.raises(LookupError, match="no operation is PATCH /x"):
        actions_of("eks", "PATCH /x")


def test_requests_at_the_same_time_are_a_whole_line_each_and_counted(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.log")
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/" + "a" * 500}

    def application(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return []

    with ThreadPoolExecutor(16) as threads:
        for done in [threads.submit(log.around, application, environ, lambda *_: None) for _ in range(400)]:
            done.result()
    assert log.count == 400
    lines = (tmp_path / "access.log").read_text().splitlines()
    assert len(lines) == 400
    assert {one.rpartition(" ")[2] for one in lines} == {"/" + "a" * 500}
