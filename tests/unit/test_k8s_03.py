"""K8S-03: where images come from."""

import pytest
from workload_pods import IMAGE, workload

from policies.control import Status
from policies.testing import UNKNOWN, verdicts

DIGEST, PRIVATE = "is_fixed_by_digest", "comes_from_a_private_registry"


def answered(image: object, **changed: object) -> dict[str, Status]:
    found = verdicts("K8S-03", workload({"image": image}, **changed))
    return {clause: status for (_, clause), status in found.items()}


@pytest.mark.parametrize(
    ("image", "digest", "private"),
    [
        (IMAGE, Status.PASS, Status.PASS),
        (IMAGE.partition("@")[0] + ":1.2", Status.FAIL, Status.PASS),
        ("public.ecr.aws/x/relay@sha256:" + "0" * 64, Status.PASS, Status.FAIL),
        ("evil.example/" + IMAGE, Status.PASS, Status.FAIL),
        ("nginx", Status.FAIL, Status.FAIL),
        (None, Status.FAIL, Status.FAIL),
        (UNKNOWN, Status.UNDETERMINED, Status.UNDETERMINED),
    ],
)
def test_an_image_has_a_digest_and_comes_from_a_private_registry(
    image: object, digest: Status, private: Status
) -> None:
    assert answered(image) == {DIGEST: digest, PRIVATE: private}


def test_images_of_the_system_are_not_its_business() -> None:
    assert set(answered("nginx", namespace="kube-system").values()) == {Status.NOT_APPLICABLE}
