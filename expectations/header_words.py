"""Words in a column's name that say what no practice may send, looked for as whole words.

They are here, and not at the gate, so that a contract that maps such a column is told when it is
read and not by the first refused file.
"""

import re

# fmt: off
FORBIDDEN_HEADER_WORDS = frozenset((
    "name", "firstname", "lastname", "surname", "forename", "dob", "birth", "birthdate",
    "birthday", "ssn", "mrn", "email", "mail", "phone", "telephone", "mobile", "fax", "address",
    "street", "zip", "postcode", "postal", "notes", "note", "comment", "comments", "url", "ip",
    "freetext", "narrative", "insurance", "policy", "licence", "license", "passport",
    "latitude", "longitude",
))
GEOGRAPHIC_HEADER_WORDS = frozenset((
    "city", "town", "village", "county", "district", "borough", "precinct", "parish", "region",
    "municipality", "neighbourhood", "neighborhood", "suburb", "tract", "geocode", "zip3", "ort",
    "commune", "ville", "quartier",
))
"""Besides, where the class leaves no place smaller than a state: 45 CFR 164.514(b)(2)(i)(B)."""
# fmt: on
HARMLESS_HEADERS = frozenset(("redcap_event_name",))
"""Names a survey system gives to columns about no person; their cells are searched like all."""


def names_direct_identifier(name: str, year_only: bool = False) -> bool:
    """Whether a column's name says that it holds what no practice may send.

    `year_only`: the practice's class allows no place either.
    """
    forbidden = FORBIDDEN_HEADER_WORDS | (GEOGRAPHIC_HEADER_WORDS if year_only else frozenset())
    return bool(_words(name) & forbidden) and name not in HARMLESS_HEADERS


def _words(name: str) -> set[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return set(re.split(r"[^a-z0-9]+", spaced.lower()))
