"""Plain words for the codes a release uses. PURE. An unknown code is shown as itself, readable."""

import calendar
import re
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dashboards.release import Instrument

NOT_RECORDED = "not_recorded"

_INFORMANTS = {
    "client": "Clients",
    "child": "Children",
    "caregiver": "Caregivers",
    "teacher": "Teachers",
    "therapist": "Therapists",
    "observer": "Observers",
}
_LANGUAGES = {
    "ar": "Arabic",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "sv": "Swedish",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "zh": "Chinese",
}
_COLLECTION_MODES = {
    "paper": "on paper",
    "tablet": "on a tablet",
    "kiosk": "on a kiosk",
    "web": "on the web",
    "online": "online",
    "portal": "in the portal",
    "app": "in an app",
    "email": "by e-mail",
    "sms": "by text message",
    "text": "by text message",
    "phone": "by phone",
    "interview": "in an interview",
}
_STAGES = {
    "all": "All stages",
    "opening": "Opening",
    "developing": "Developing",
    "maintaining": "Maintaining",
    "ending": "Ending",
}
_FEEDS = {
    "episodes": "treatments",
    "sessions": "sessions",
    "administrations": "questionnaires",
    "process_ratings": "session ratings",
}
_FLAGS = {
    "within": "Within the expected range",
    "above_95": "Above the 95 % limit",
    "below_95": "Below the 95 % limit",
    "above_998": "Above the 99.8 % limit",
    "below_998": "Below the 99.8 % limit",
}
NO_FLAG = "No flag"
SUPPRESSED = "Not shown: could give someone away"


def readable(code: str) -> str:
    """A code nobody has given words to, without its underscores."""
    return code.replace("_", " ").strip()


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them: `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def informant(code: str) -> str:
    """Who filled the form in, as a plural noun."""
    return _INFORMANTS.get(code, readable(code).capitalize())


def language(code: str | None) -> str:
    """The language of the form; a region after the code is kept."""
    if not code:
        return "Language not sent"
    if code == NOT_RECORDED:
        return "Language not recorded"
    base, *region = re.split(r"[-_]", code, maxsplit=1)
    name = _LANGUAGES.get(base.lower())
    if name is None:
        return readable(code)
    return f"{name} ({region[0].upper()})" if region else name


def collection_mode(code: str | None) -> str:
    """How the form was collected, as a phrase that follows the language."""
    if not code:
        return "way of collecting not sent"
    if code == NOT_RECORDED:
        return "way of collecting not recorded"
    return _COLLECTION_MODES.get(code, readable(code))


def language_and_mode(pair: tuple[str | None, str | None]) -> str:
    """Language and way of collecting: forms that differ in either are never compared."""
    return f"{language(pair[0])}, {collection_mode(pair[1])}"


def questionnaire(instrument: Instrument, has_other_versions: bool) -> str:
    """The questionnaire's name, with its version where the release holds more than one."""
    return f"{instrument.name} ({instrument.version})" if has_other_versions else instrument.name


def stage(code: str) -> str:
    """A stage of treatment."""
    return _STAGES.get(code, readable(code).capitalize())


def stage_order(code: str) -> tuple[int, str]:
    """Sort key: all stages first, then in the order of treatment."""
    known = list(_STAGES)
    return (known.index(code), "") if code in known else (len(known), code)


def flag(code: str | None) -> str:
    """What a flag says, in words; null is a state of its own."""
    if code is None:
        return NO_FLAG
    return _FLAGS.get(code, readable(code).capitalize())


def feed(code: str) -> str:
    """What a feed holds."""
    return _FEEDS.get(code, readable(code))


def period(code: str) -> str:
    """A period's name: `12m-2026-09` reads "12 months to September 2026"."""
    if code == "all":
        return "All dates"
    if match := re.fullmatch(r"12m-(\d{4})-(\d{2})", code):
        return f"12 months to {_month(match)}"
    if match := re.fullmatch(r"(\d{4})-Q([1-4])", code):
        first = 3 * int(match[2]) - 2
        return f"{calendar.month_name[first]} to {calendar.month_name[first + 2]} {match[1]}"
    if match := re.fullmatch(r"(\d{4})-(\d{2})", code):
        return _month(match)
    if re.fullmatch(r"\d{4}", code):
        return f"Year {code}"
    return code


def _month(match: re.Match[str]) -> str:
    number = int(match[2])
    return f"{calendar.month_name[number]} {match[1]}" if 1 <= number <= 12 else match[0]


def is_whole_years(code: str) -> bool:
    """Whether a period is made of whole years, so that a date without its day can lie in it."""
    return code == "all" or re.fullmatch(r"\d{4}", code) is not None


_PERIODS = {
    # kind of period, in the order in which they are offered: its form
    "12 months": r"12m-\d{4}-\d{2}",
    "Year": r"\d{4}",
    "Quarter": r"\d{4}-Q[1-4]",
    "Month": r"\d{4}-\d{2}",
    "All dates": "all",
}
_OTHER = "Other"


def period_kind(code: str) -> str:
    """What kind of period a code names, in words."""
    found = (kind for kind, form in _PERIODS.items() if re.fullmatch(form, code))
    return next(found, _OTHER)


def period_kind_order(kind: str) -> int:
    """Sort key of kinds of period."""
    return [*_PERIODS, _OTHER].index(kind)


def period_order(code: str) -> tuple[int, int]:
    """Sort key: by kind, the newest first in each."""
    digits = int("".join(re.findall(r"\d", code.removeprefix("12m-"))) or 0)
    return (period_kind_order(period_kind(code)), -digits)


def day(value: date | None) -> str:
    """A date as `31 October 2026`."""
    if value is None:
        return "not known"
    return f"{value.day} {calendar.month_name[value.month]} {value.year}"


def short_day(value: date) -> str:
    """A date within reach, as `31 October`."""
    return f"{value.day} {calendar.month_name[value.month]}"


def local(value: datetime, time_zone: str) -> datetime:
    """A moment on the group's clock; as it stands where the zone is unknown here."""
    try:
        return value.astimezone(ZoneInfo(time_zone))
    except (ZoneInfoNotFoundError, ValueError):
        return value


def moment(value: datetime, time_zone: str) -> str:
    """A moment on the group's clock, with the zone's name; UTC where the zone is unknown here."""
    there = local(value, time_zone)
    name = time_zone if isinstance(there.tzinfo, ZoneInfo) else "UTC"
    return f"{day(there.date())}, {there:%H:%M} ({name})"


def short_moment(value: datetime, time_zone: str) -> str:
    """The same for a table whose page has said the zone: `31 Oct 2026, 04:04`."""
    there = local(value, time_zone)
    return f"{there.day} {calendar.month_abbr[there.month]} {there.year}, {there:%H:%M}"


def number(value: float | None, decimals: int) -> str:
    """A number with a true minus sign, or a dash where there is none."""
    if value is None:
        return "–"
    text = f"{value:,.{decimals}f}"
    return "−" + text[1:] if text.startswith("-") else text


def percent(share: float | None) -> str:
    """A share (0-1) as whole percent, or a dash."""
    return "–" if share is None else f"{100 * share:.0f} %"
