"""What the register of retention (catalogue/processing.yaml) allows."""

import catalogue
from policies.control import Verdict, failed, passed


def within_register(days: float, name: str, type_: str, data_class: str) -> Verdict:
    """Whether stores of a type may keep data of a class for so long; ``name`` is what said the days."""
    longest = catalogue.processing().longest_days(type_, data_class)
    if longest is None:
        return failed(f"the register has no longest time for {data_class} data in stores of type {type_}")
    return passed() if days <= longest else failed(f"{name} is {days:g} days, above the {longest} of the register")
