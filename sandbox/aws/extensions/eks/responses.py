"""The EKS operations that this package answers; parameters arrive by their member names in botocore's model."""

from typing import Any
from urllib.parse import unquote

from moto.core.responses import ActionResult, EmptyResult
from moto.eks.models import eks_backends
from moto.eks.responses import EKSResponse

from sandbox.aws.extensions.eks import access, addons
from sandbox.aws.extensions.eks.models import EksBackend, page
from sandbox.aws.extensions.eks.records import Record, Wire, not_found

ADDON_SETTINGS = ("serviceAccountRoleArn", "configurationValues", "namespaceConfig")
ASSOCIATION_SETTINGS = ("disableSessionTags", "targetRoleArn", "policy")


class EksResponse(EKSResponse):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.automated_parameter_parsing = True

    @property
    def eks(self) -> EksBackend:
        return eks_backends[self.current_account][self.region]  # type: ignore[no-any-return]

    @property
    def request(self) -> Wire:
        return dict(self.params)

    def _given(self, *names: str) -> Wire:
        return {name: self.request[name] for name in names if self.request.get(name) is not None}

    def _listing(self, name: str, items: list[Any]) -> ActionResult:
        shown, token = page(items, self.request.get("maxResults"), self.request.get("nextToken"))
        return ActionResult({name: shown, "nextToken": token})

    # clusters

    def create_cluster(self) -> ActionResult:
        return ActionResult({"cluster": self.eks.add_cluster(self.request, self.access_key).described()})

    def describe_cluster(self) -> ActionResult:
        return ActionResult({"cluster": self.eks._cluster(self.request["name"]).described()})

    def delete_cluster(self) -> ActionResult:
        return ActionResult({"cluster": self.eks.remove_cluster(self.request["name"])})

    def list_clusters(self) -> ActionResult:
        return self._listing("clusters", sorted(self.eks.clusters))

    def update_cluster_config(self) -> ActionResult:
        return ActionResult({"update": self.eks._active(self.request["name"]).configure(self.request)})

    def update_cluster_version(self) -> ActionResult:
        return ActionResult({"update": self.eks._active(self.request["name"]).upgrade(self.request["version"])})

    def describe_update(self) -> ActionResult:
        made = self._updated().updates.get(self.request["updateId"])
        if made is None:
            raise not_found(f"No update found for ID: {self.request['updateId']}")
        return ActionResult({"update": made})

    def list_updates(self) -> ActionResult:
        return self._listing("updateIds", list(self._updated().updates))

    def _updated(self) -> Record:
        request = self.request
        return self.eks.updated(request["name"], request.get("nodegroupName"), request.get("addonName"))

    # node groups

    def create_nodegroup(self) -> ActionResult:
        return ActionResult({"nodegroup": self.eks.add_node_group(self.request).described()})

    def describe_nodegroup(self) -> ActionResult:
        return ActionResult({"nodegroup": self._node_group().described()})

    def delete_nodegroup(self) -> ActionResult:
        request = self.request
        return ActionResult({"nodegroup": self.eks.remove_node_group(request["clusterName"], request["nodegroupName"])})

    def list_nodegroups(self) -> ActionResult:
        return self._listing("nodegroups", sorted(self.eks._cluster(self.request["clusterName"]).nodegroups))

    def update_nodegroup_config(self) -> ActionResult:
        return ActionResult({"update": self._node_group().configure(self.request)})

    def update_nodegroup_version(self) -> ActionResult:
        return ActionResult({"update": self._node_group().upgrade(self.request)})

    def _node_group(self) -> Any:
        return self.eks.node_group(self.request["clusterName"], self.request["nodegroupName"])

    # access entries

    def create_access_entry(self) -> ActionResult:
        request = self.request
        entry = self.eks.create_access_entry(
            request["clusterName"],
            request["principalArn"],
            kind=request.get("type") or "STANDARD",
            username=request.get("username"),
            groups=request.get("kubernetesGroups") or (),
            tags=request.get("tags"),
        )
        return ActionResult({"accessEntry": entry.described()})

    def describe_access_entry(self) -> ActionResult:
        return ActionResult({"accessEntry": self._entry().described()})

    def update_access_entry(self) -> ActionResult:
        entry = self._entry()
        entry.change(self.request.get("username"), self.request.get("kubernetesGroups"))
        return ActionResult({"accessEntry": entry.described()})

    def delete_access_entry(self) -> ActionResult:
        self.eks.delete_access_entry(self.request["clusterName"], self.request["principalArn"])
        return EmptyResult()

    def list_access_entries(self) -> ActionResult:
        found = self.eks.list_access_entries(self.request["clusterName"], self.request.get("associatedPolicyArn"))
        return self._listing("accessEntries", found)

    def associate_access_policy(self) -> ActionResult:
        request = self.request
        policy = self._entry().associate(request["policyArn"], request["accessScope"])
        names = {"clusterName": request["clusterName"], "principalArn": request["principalArn"]}
        return ActionResult({**names, "associatedAccessPolicy": policy})

    def disassociate_access_policy(self) -> ActionResult:
        self._entry().disassociate(self.request["policyArn"])
        return EmptyResult()

    def list_associated_access_policies(self) -> ActionResult:
        request = self.request
        shown, token = page(list(self._entry().policies.values()), request.get("maxResults"), request.get("nextToken"))
        names = {"clusterName": request["clusterName"], "principalArn": request["principalArn"]}
        return ActionResult({**names, "associatedAccessPolicies": shown, "nextToken": token})

    def list_access_policies(self) -> ActionResult:
        return self._listing(
            "accessPolicies", [{"name": name, "arn": access.POLICY_PREFIX + name} for name in access.POLICIES]
        )

    def _entry(self) -> access.Entry:
        return self.eks.access_entry(self.request["clusterName"], self.request["principalArn"])

    # pod identity

    def create_pod_identity_association(self) -> ActionResult:
        request = self.request
        made = self.eks.create_association(
            request["clusterName"],
            namespace=request["namespace"],
            service_account=request["serviceAccount"],
            role=request["roleArn"],
            settings=self._given(*ASSOCIATION_SETTINGS),
            tags=request.get("tags"),
        )
        return ActionResult({"association": made.described()})

    def describe_pod_identity_association(self) -> ActionResult:
        return ActionResult({"association": self._association().described()})

    def update_pod_identity_association(self) -> ActionResult:
        found = self._association()
        found.change(self.request.get("roleArn"), self._given(*ASSOCIATION_SETTINGS))
        return ActionResult({"association": found.described()})

    def delete_pod_identity_association(self) -> ActionResult:
        found = self.eks.delete_association(self.request["clusterName"], self.request["associationId"])
        return ActionResult({"association": found.described()})

    def list_pod_identity_associations(self) -> ActionResult:
        request = self.request
        shown = [
            association.summary()
            for association in self.eks._cluster(request["clusterName"]).associations.values()
            if request.get("namespace") in (None, association.namespace)
            and request.get("serviceAccount") in (None, association.service_account)
        ]
        return self._listing("associations", shown)

    def _association(self) -> Any:
        return self.eks.association(self.request["clusterName"], self.request["associationId"])

    # add-ons

    def create_addon(self) -> ActionResult:
        request = self.request
        made = self.eks.create_addon(
            request["clusterName"],
            name=request["addonName"],
            version=request.get("addonVersion"),
            settings=self._given(*ADDON_SETTINGS),
            tags=request.get("tags"),
            associations=request.get("podIdentityAssociations") or (),
        )
        return ActionResult({"addon": made.described()})

    def describe_addon(self) -> ActionResult:
        return ActionResult(
            {"addon": self.eks.addon(self.request["clusterName"], self.request["addonName"]).described()}
        )

    def update_addon(self) -> ActionResult:
        request = self.request
        made = self.eks.update_addon(
            request["clusterName"],
            request["addonName"],
            request.get("addonVersion"),
            self._given(*ADDON_SETTINGS),
            request.get("podIdentityAssociations"),
        )
        return ActionResult({"update": made})

    def delete_addon(self) -> ActionResult:
        gone = self.eks.delete_addon(self.request["clusterName"], self.request["addonName"])
        return ActionResult({"addon": {**gone.described(), "status": "DELETING"}})

    def list_addons(self) -> ActionResult:
        return self._listing("addons", sorted(self.eks._cluster(self.request["clusterName"]).addons))

    def describe_addon_versions(self) -> ActionResult:
        return self._listing(
            "addons", addons.versions(self.request.get("addonName"), self.request.get("kubernetesVersion"))
        )

    # tags

    def tag_resource(self) -> ActionResult:
        self.eks.tagged(self._arn()).tags.update(self.request["tags"])
        return EmptyResult()

    def untag_resource(self) -> ActionResult:
        tags = self.eks.tagged(self._arn()).tags
        for key in self.request["tagKeys"]:
            tags.pop(key, None)
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        return ActionResult({"tags": self.eks.tagged(self._arn()).tags})

    def _arn(self) -> str:
        return unquote(self.request["resourceArn"])
