"""The shapes of identifiers: one list, for the engine over cells and for Python over other texts.

Every expression is of the dialect that RE2 and Python share and needs no backtracking. Where a
shape alone says too little (a card's number looks like any long number), its check digits decide.
No expression finds a name: that is why no column may hold free text.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from orchestration.sql import literal

SHORTEST_FINDING = 6
"""No pattern matches a text shorter than `a@b.co`; shorter cells are not searched."""
_SEPARATOR = "[ \u00a0.\u2010\u2011\u2012\u2013-]"
"""Between groups of digits, as people and as word processors write them."""
_GAP = "[ \u00a0-]"
_START = r"(?:^|[^0-9A-Za-z])"
_ALONE, _AFTER = r"(?:^|[^0-9A-Za-z-])", r"(?:[^0-9A-Za-z-]|$)"
"""Not within a longer run of groups, as those of a UUID are."""
_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_MM, _DD = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_MONTH_NAME = (
    r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|"
    r"janv|f[ée]vr|mars|avr|mai|juin|juil|ao[ûu]t|d[ée]c|m[äa]r|okt|dez)[a-zé]*"
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_HEX = r"[0-9A-Fa-f]"
_STREET = (
    r"street|str|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|terrace|"
    r"parkway|pkwy|highway|hwy"
)

CheckDigits = Literal["luhn", "mod_97"]


@dataclass(frozen=True)
class Pattern:
    """One class of identifier.

    `core` is what must stand in the text; `before` and `after` what may stand beside it.
    `by_chance` is the share (0-1) of other numbers or ids of the shape `like` that fit as well.
    """

    kind: str
    core: str
    before: str = ""
    after: str = ""
    check_digits: CheckDigits | None = None
    like: str | None = None
    by_chance: float = 0

    @property
    def regex(self) -> str:
        """The whole expression."""
        return f"{self.before}(?:{self.core}){self.after}"

    def is_in(self, text: str) -> bool:
        """Whether a text holds one, check digits included."""
        if self.check_digits is None:
            return re.search(self.regex, text, re.ASCII) is not None
        found = re.finditer(self._captured, text, re.ASCII)
        return any(_CHECKS[self.check_digits](match[1]) for match in found)

    @property
    def _captured(self) -> str:
        return f"{self.before}({self.core}){self.after}"

    def sql(self, cell: str) -> str:
        """Whether a cell holds one, as SQL: true, false, or null for null."""
        if self.check_digits is None:
            return f"regexp_matches({cell}, {literal(self.regex)})"
        # Each run is looked at by itself: two in one cell are two numbers.
        runs = f"regexp_extract_all({cell}, {literal(self._captured)}, 1)"
        return f"(len(list_filter({runs}, lambda run: {_CHECKS_SQL[self.check_digits]})) > 0)"


def luhn(number: str) -> bool:
    """Whether a card's number keeps its check digit (ISO/IEC 7812-1)."""
    digits = [int(character) for character in number if character in "0123456789"][::-1]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return len(digits) > 1 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


# fmt: off
IBAN_LENGTHS = {
    15: "NO", 16: "BE", 18: "DK FI FO GL NL", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA",
    30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
}
# fmt: on
"""Characters of an account's number by country, from the IBAN registry of ISO 13616."""
_LENGTH_OF = {code: length for length, codes in IBAN_LENGTHS.items() for code in codes.split()}


def mod_97(account: str) -> bool:
    """Whether a text begins with an IBAN of its country's length that keeps its check digits.

    ISO 13616, ISO 7064 MOD 97-10. One that is written without gaps must be the whole text.
    """
    plain = "".join(c for c in account.upper() if c.isascii() and c.isalnum())
    length = _LENGTH_OF.get(plain[:2], len(plain) + 1)
    if len(plain) < length or (len(plain) > length and plain == account.upper()):
        return False
    turned = plain[4:length] + plain[:4]
    return int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


_CHECKS = {"luhn": luhn, "mod_97": mod_97}
_DIGITS = "regexp_replace(run, '[^0-9]', '', 'g')"
_PLAIN = "upper(regexp_replace(run, '[^0-9A-Za-z]', '', 'g'))"
_LENGTHS = "".join(f"{code}{length}" for code, length in _LENGTH_OF.items())
"""Countries and lengths in one text: two letters are found at a country's place alone."""
_LENGTH = (
    f"try_cast(substr('{_LENGTHS}', strpos('{_LENGTHS}', left({_PLAIN}, 2)) + 2, 2) as integer)"
)
_CHECKS_SQL: dict[CheckDigits, str] = {
    "luhn": (
        f"list_sum(list_transform(string_split(reverse({_DIGITS}), ''), lambda d, i: "
        "case when i % 2 = 1 then d::integer "
        "else d::integer * 2 - 9 * (d::integer > 4)::integer end)) % 10 = 0"
    ),
    # Letters count from 10; a remainder is carried on digit by digit.
    "mod_97": (
        f"(len({_PLAIN}) = {_LENGTH} or (len({_PLAIN}) > {_LENGTH} and len(run) > len({_PLAIN}))) "
        f"and list_reduce(list_transform(string_split(substr({_PLAIN}, 5, {_LENGTH} - 4) || "
        f"substr({_PLAIN}, 1, 4), ''), lambda d: case when ascii(d) >= 65 "
        "then ascii(d) - 55 else ascii(d) - 48 end), "
        "lambda rest, d: (rest * (case when d > 9 then 100 else 10 end) + d) % 97) = 1"
    ),
}

_CARD_DIGITS = r"\d{4}{s}\d{4}{s}\d{4}{s}\d{4}(?:{s}\d{1,3})?|3[47]\d\d{s}\d{6}{s}\d{5}"
_CARD = (
    "|".join(_CARD_DIGITS.replace("{s}", separator) for separator in (" ", "\u00a0", "-", "[.]"))
    # Without separators the first digits must be an issuer's.
    + r"|(?:4|5[1-5]|2[2-7]|6[0245])\d{14,15}|4\d{12}|3[0689]\d{12}|3[47]\d{13}|6\d{18}"
)
PATTERNS: tuple[Pattern, ...] = (
    Pattern("e-mail address", r"[^\s@]@[^\s@]+\.[A-Za-z]{2,}"),
    Pattern("web address", r"(?i:https?://|ftp://|www\.)[^\s]"),
    Pattern(
        "social security number",
        rf"\d{{3}}{_SEPARATOR}\d{{2}}{_SEPARATOR}\d{{4}}",
        before=r"(?:^|[^0-9])",
        after=r"(?:[^0-9]|$)",
    ),
    Pattern(
        "telephone number",
        rf"\d{{3}}\)?{_SEPARATOR}\d{{3}}{_SEPARATOR}\d{{4}}"
        rf"|\(\d{{3}}\) ?\d{{3}}{_SEPARATOR}?\d{{4}}"
        rf"|\+\d{{10,14}}|\+\d{{1,3}}(?:{_SEPARATOR}?\(\d{{1,4}}\))?(?:{_SEPARATOR}\d{{1,4}}){{2,6}}"
        rf"|\+\d{{1,3}}{_SEPARATOR}\d{{6,12}}"
        r"|0[1-9](?: \d\d){4}|0[1-9](?:\.\d\d){4}|0[1-9](?:-\d\d){4}|0\d{2,4}[ /]\d{5,9}",
        before=r"(?:^|[^0-9])",
        after=r"(?:[^0-9]|$)",
    ),
    Pattern(
        "network address",
        rf"(?:{_OCTET}\.){{3}}{_OCTET}|(?:{_HEX}{{1,4}}:){{7}}{_HEX}{{1,4}}"
        rf"|(?:{_HEX}{{1,4}}:){{1,6}}(?::{_HEX}{{1,4}}){{1,6}}|(?:{_HEX}{{2}}[:-]){{5}}{_HEX}{{2}}",
        before=r"(?:^|[^0-9A-Za-z.:-])",
        after=r"(?:[^0-9A-Za-z.:-]|\.?$|\.[^0-9])",
    ),
    Pattern(
        "bank account",
        rf"[A-Za-z]{{2}}\d\d(?:[A-Za-z0-9]{{11,30}}|(?:{_GAP}[A-Za-z0-9]{{4}}){{2,7}}"
        rf"(?:{_GAP}[A-Za-z0-9]{{1,3}})?)",
        before=_ALONE,
        check_digits="mod_97",
        like=r"^\s*[A-Za-z]{2}\d{2}[A-Za-z0-9]{11,30}\s*$",
        by_chance=1 / 97,
    ),
    Pattern(
        "payment card",
        _CARD,
        before=_ALONE,
        after=_AFTER,
        check_digits="luhn",
        like=r"^\s*\d{13,19}\s*$",
        by_chance=0.1,
    ),
    Pattern(
        "street address",
        rf"(?i:\b\d{{1,5}}[a-z]? (?:[a-z.'-]+ ){{1,3}}(?:{_STREET})\b"
        r"|\b\d{1,4}(?: ?bis| ?ter)?,? (?:rue|avenue|boulevard|bd|chemin|impasse|all[ée]e|quai) "
        r"|(?:stra(?:ß|ss)e|str\.|gasse) ?\d{1,4}[a-z]?\b|\bp\.? ?o\.? ?box \d)",
    ),
    Pattern(
        "record number",
        r"(?i:\b(?:mrn|emr|ehr|acct|account|chart|patient|client|case|file|record|member|policy|"
        r"claim|invoice|licen[cs]e|certificate|passport|insurance|dossier|patienten|akten)"
        r"(?:[ _.-]?(?:id|no|nr|num|number|nummer|record))?"
        r"[ _.]{0,2}[:#=№][ _]?[a-z0-9-]{0,6}\d{3,}"
        r"|(?:^|[^0-9a-z-])(?:mrn|ssn|npi|nhs)[ _.:#=-]{0,3}\d{4,})"
        # The number of a Medicare card, as it is printed: fixed places for letters and digits.
        r"|\b[1-9][A-Z][A-Z0-9]\d-[A-Z][A-Z0-9]\d-[A-Z]{2}\d{2}\b",
    ),
)
"""Searched for in every text of every file, whatever the class of the practice."""

FULL_DATE = Pattern(
    "full date",
    rf"(?:^|[^0-9])(?:{_YEAR}[-./_]{_MONTH}[-./_]{_DAY}|{_DAY}[-./_ ]{_MONTH}[-./_ ]{_YEAR}"
    rf"|{_MONTH}[-./_ ]{_DAY}[-./_ ]{_YEAR}|{_DAY}[-./]{_MONTH}[-./]\d\d"
    rf"|{_MONTH}[-./]{_DAY}[-./]\d\d|{_DAY}\.?[ -]{_MONTH_NAME}\.?,?[ -](?:{_YEAR}|\d\d))"
    rf"|{_MONTH_NAME}\.? {_DAY},? {_YEAR}"
    rf"|{_START}(?:{_YEAR}{_MM}{_DD}|{_DD}{_MM}{_YEAR}|{_MM}{_DD}{_YEAR})",
    after=r"(?:[^0-9]|$)",
)
"""Searched for besides under safe_harbor: 45 CFR 164.514(b)(2)(i)(C) leaves the year alone."""
POSTCODE = Pattern(
    "postcode",
    r"\d{5}-\d{4}|[A-Z]{2},? \d{5}",
    before=_ALONE,
    after=_AFTER,
)
"""ZIP+4, or a ZIP code after its state: places smaller than a state, 164.514(b)(2)(i)(B)."""

_AREA = r"(?:00[1-9]|0[1-9]\d|[1-578]\d\d|6[0-57-9]\d|66[0-57-9])"
_SERIAL = r"(?:000[1-9]|00[1-9]\d|0[1-9]\d\d|[1-9]\d{3})"
_BIRTH = (
    rf"(?:\d\d{_MM}{_DD}|{_DD}{_MM}\d\d|{_MM}{_DD}\d\d"
    rf"|{_YEAR}{_MM}{_DD}|{_DD}{_MM}{_YEAR}|{_MM}{_DD}{_YEAR})"
)
ID_PATTERNS: tuple[Pattern, ...] = (
    Pattern("social security number", rf"^\s*{_AREA}(?:0[1-9]|[1-9]\d){_SERIAL}\s*$"),
    Pattern(
        "date",
        rf"^\s*(?:{_YEAR}[-._:]?{_MM}[-._:]?{_DD}|{_DD}[-._:]?{_MM}[-._:]?{_YEAR}"
        rf"|{_MM}[-._:]?{_DD}[-._:]?{_YEAR}"
        rf"|{_DAY}[-._/]{_MONTH}[-._/]{_YEAR}|{_MONTH}[-._/]{_DAY}[-._/]{_YEAR})\s*$",
        like=r"^\s*\d{8}\s*$",
        by_chance=0.0025,
    ),
    Pattern(
        "birth date with initials",
        rf"^\s*(?:[A-Za-z]{{2,3}}[-_.]?{_BIRTH}|{_BIRTH}[-_.]?[A-Za-z]{{2,3}})\s*$",
        like=r"^\s*(?:[A-Za-z]{2,3}[-_.]?\d{6}(?:\d\d)?|\d{6}(?:\d\d)?[-_.]?[A-Za-z]{2,3})\s*$",
        by_chance=0.11,
    ),
)
"""What an id may not look like: it must say nothing of its client."""
BARE_NUMBERS: tuple[Pattern, ...] = (
    ID_PATTERNS[0],
    Pattern("telephone number", r"^\s*1?[2-9]\d\d[2-9]\d{6}\s*$"),
)
"""Long numbers that no word, date or count is, but some id may be: searched for where no id is."""
AGE_OVER_89 = Pattern("age over 89", r"^\s*(?:9\d|1[0-4]\d)(?:[.,]\d+)?\s*$")
"""Under safe_harbor, in columns of ages: they come as `90+`, 164.514(b)(2)(i)(C)."""


def row_regex(patterns: Iterable[Pattern]) -> str:
    """One expression that fits whatever rows hold an identifier, their cells a line each.

    It may fit others too (check digits are not looked at): what it leaves out is clean.
    """
    return "(?m)" + "|".join(f"(?:{pattern.regex})" for pattern in patterns)
