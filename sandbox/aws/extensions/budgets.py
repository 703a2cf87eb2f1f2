"""AWS Budgets: changing a budget, its subscribers and tags. Nothing is spent here, so nobody is ever told.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_Operations_AWS_Budgets.html
"""

from typing import Any

from moto.budgets import urls
from moto.budgets.exceptions import NotFoundException
from moto.budgets.models import Budget
from moto.budgets.responses import BudgetsResponse as MotoResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import unix_time

from sandbox.aws.extensions.wiring import replace_response

_create = Budget.__init__


def _with_tags(self: Any, budget: Any, notifications: Any) -> None:
    _create(self, budget, notifications)
    self.tags = {}


class BudgetsResponse(MotoResponse):  # type: ignore[misc]
    def create_budget(self) -> Any:
        answer = super().create_budget()
        tags = self._get_param("ResourceTags", [])
        self._budget(self._get_param("Budget")["BudgetName"]).tags = {tag["Key"]: tag["Value"] for tag in tags}
        return answer

    def update_budget(self) -> EmptyResult:
        """The whole budget but what AWS keeps: a period that is left out stays."""
        new = self._get_param("NewBudget")
        found = self._budget(new["BudgetName"])
        found.budget = {"TimePeriod": found.budget["TimePeriod"], **new, "LastUpdatedTime": unix_time()}
        return EmptyResult()

    def describe_subscribers_for_notification(self) -> ActionResult:
        wanted = self._get_param("Notification")
        for each in self._budget(self._get_param("BudgetName")).notifications:
            if _same(each.details, wanted):
                return ActionResult({"Subscribers": each.subscribers})
        raise NotFoundException("Unable to describe subscribers - the notification doesn't exist.")

    def list_tags_for_resource(self) -> ActionResult:
        return ActionResult({"ResourceTags": [{"Key": k, "Value": v} for k, v in self._tagged().tags.items()]})

    def tag_resource(self) -> EmptyResult:
        self._tagged().tags.update({tag["Key"]: tag["Value"] for tag in self._get_param("ResourceTags")})
        return EmptyResult()

    def untag_resource(self) -> EmptyResult:
        for key in self._get_param("ResourceTagKeys"):
            self._tagged().tags.pop(key, None)
        return EmptyResult()

    def _tagged(self) -> Any:
        return self._budget(self._get_param("ResourceARN").partition(":budget/")[2])

    def _budget(self, name: str) -> Any:
        found = self.backend.budgets[self.current_account].get(name)
        if found is None:
            raise NotFoundException(f"Unable to get budget: {name} - the budget doesn't exist.")
        return found


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[key] == other[key] for key in ("NotificationType", "ComparisonOperator", "Threshold"))


def install() -> None:
    Budget.__init__ = _with_tags
    replace_response(urls, MotoResponse, BudgetsResponse)
