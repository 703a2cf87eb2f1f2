"""The Trust Services Criteria of 2017 (points of focus of 2022) by number. Their texts are copyright of the AICPA and
are quoted nowhere."""

import re

_COUNTS = {
    "CC1": 5,
    "CC2": 3,
    "CC3": 4,
    "CC4": 2,
    "CC5": 3,
    "CC6": 8,
    "CC7": 5,
    "CC8": 1,
    "CC9": 2,
    "A1": 3,
    "C1": 2,
    "PI1": 5,
    "P1": 1,
    "P2": 1,
    "P3": 2,
    "P4": 3,
    "P5": 2,
    "P6": 7,
    "P7": 1,
    "P8": 1,
}
"""Series -> how many criteria it has."""

CATEGORIES = {
    "CC": "Security (common criteria)",
    "A": "Availability",
    "C": "Confidentiality",
    "PI": "Processing integrity",
    "P": "Privacy",
}
"""Letters of a criterion -> its category."""

CRITERIA = tuple(f"{series}.{number}" for series, count in _COUNTS.items() for number in range(1, count + 1))
"""All 61, in order."""


def category(criterion: str) -> str:
    """ "CC6.1" -> "Security (common criteria)". Raises KeyError for what is no criterion."""
    return CATEGORIES[criterion.rstrip("0123456789.")]


LAST_ARTICLE = 99
"""Of Regulation (EU) 2016/679."""

_ARTICLE = re.compile(r"(\d+)(\(\d+\))?(\([a-z]\))?")


def is_article(text: str) -> bool:
    """Whether a text is an article of the GDPR, with or without paragraph and point: "32(1)(a)"."""
    found = _ARTICLE.fullmatch(text)
    return found is not None and 1 <= int(found[1]) <= LAST_ARTICLE
