"""What the group says was changed at its sites, held against the sites there are.

A misspelt site would leave its line without the stretch that somebody believes is drawn.
"""

from collections.abc import Collection, Mapping

from expectations.model import Group, Intervention
from expectations.practice import Practice
from expectations.yaml_source import Location, YamlSource


def intervention_problems(
    source: YamlSource,
    group: Group,
    practices: Mapping[str, Practice],
    broken: Collection[str],
) -> list[str]:
    """What is wrong with the interventions of `group.yml`, each as `file:line: key: message`.

    Of a practice whose own file is broken its sites are not known, and none is called wrong.
    """
    found: list[str] = []
    seen: set[Intervention] = set()
    for position, each in enumerate(group.interventions):
        at: Location = ("interventions", position)
        if each in seen:
            found.append(source.problem(at, "is listed twice; keep one"))
        seen.add(each)
        if each.practice_id is None or each.practice_id in broken:
            continue
        if each.practice_id not in practices:
            message = f"no practice {each.practice_id} is declared; known are {_listed(practices)}"
            found.append(source.problem((*at, "practice_id"), message))
            continue
        sites = [site.site_id for site in practices[each.practice_id].sites]
        if each.site_id is not None and each.site_id not in sites:
            message = (
                f"practice {each.practice_id} has no site {each.site_id}; its sites are "
                f"{_listed(sites)}"
            )
            found.append(source.problem((*at, "site_id"), message))
    return found


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
