"""A scorer that answers by what the caller's user agent says; a process of its own, to be stopped and killed.

python tests/dataplane/scorer_stub.py ADDRESS:PORT
"""

import asyncio
import json
import sys
from typing import Any

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from google.rpc import code_pb2, status_pb2

SLOW_S = 5


class Scorer(external_auth_pb2_grpc.AuthorizationServicer):  # type: ignore[misc]
    """`deny` blocks, `slow` answers late, everything else allows and tells what was seen."""

    async def Check(self, request: Any, _: object) -> Any:
        seen = request.attributes.request.http
        agent = seen.headers.get("user-agent", "")
        if agent == "slow":
            await asyncio.sleep(SLOW_S)
        answer = external_auth_pb2.CheckResponse()
        if agent == "deny":
            answer.status.CopyFrom(status_pb2.Status(code=code_pb2.PERMISSION_DENIED))
            answer.denied_response.status.code = 403
            answer.denied_response.body = json.dumps({"error": {"reason": "blocked"}})
            return answer
        names = ",".join(sorted(name for name in seen.headers if not name.startswith(":")))
        told = {
            "x-fraud-decision": "allow",
            "x-fraud-seen": names,
            "x-fraud-bytes": str(len(seen.body)),
            "x-account-id": "acct_forged",
        }
        for key, value in told.items():
            answer.ok_response.headers.add().header.MergeFrom(base_pb2.HeaderValue(key=key, value=value))
        return answer


async def main(address: str) -> None:
    server = grpc.aio.server()
    external_auth_pb2_grpc.add_AuthorizationServicer_to_server(Scorer(), server)
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
