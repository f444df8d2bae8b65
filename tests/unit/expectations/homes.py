"""A small home for registry tests: a group and a practice, as YAML text to break on purpose."""

from pathlib import Path

GROUP = """\
group_id: northern_group
name: Northern Group
time_zone: Europe/Zurich
sample_practices: false
"""

PRACTICE = """\
practice_id: lakeside
name: Lakeside Practice
sites:
  - site_id: lakeside_main
    name: Lakeside, main house
    service_setting: outpatient
    open_from: 2020-01-01
contracts:
  - valid_from: 2024-01-01
    privacy_class: limited_data_set
    agreements:
      - kind: data_use
        signed_on: 2023-12-01
        expires_on: 2030-12-31
        purpose: comparison of sites
    owners: [data desk]
    schedules:
      - schedule_id: wai_third
        instrument_code: wai_sr
        version: "1"
        informant: client
        rule: every_n
        every: 3
        valid_from: 2024-01-01
        scope:
          sites: [lakeside_main]
    files:
      - file: sessions
        pattern: sessions_*.csv
        exported_at: sessions_(\\d{8})
        discard: [room]
        mappings:
          - feed: sessions
            layout: table
            date_format: "%d.%m.%Y"
            columns:
              session_id: {from: SessionNo}
              client_id: {from: ClientNo}
              site_id: {constant: lakeside_main}
              scheduled_on: {from: Day}
              attendance:
                from: Kept
                recode: {came: attended, missed: no_show}
      - file: forms
        pattern: forms_*.csv
        mappings:
          - feed: administrations
            layout: wide
            columns:
              client_id: {from: ClientNo}
              session_id: {from: SessionNo}
              status: {constant: completed}
            forms:
              - instrument_code: srs
                version: "3"
                language: en
                informant: client
                items: {1: A, 2: B, 3: C, 4: D}
      - file: answers
        pattern: answers_*.csv
        mappings:
          - feed: administrations
            layout: long
            columns:
              client_id: {from: ClientNo}
              status: {constant: completed}
            long:
              instrument_column: Form
              item_column: Item
              value_column: Answer
              form_columns: [FormNo]
              identity:
                Mood:
                  instrument_code: phq_9
                  version: "1"
                  language: en
                  informant: client
"""


def home(folder: Path, **practices: str) -> Path:
    """A home with the group and each practice's text under `practices/<name>.yml`."""
    (folder / "group.yml").write_text(GROUP)
    (folder / "practices").mkdir(exist_ok=True)
    (folder / "instruments").mkdir(exist_ok=True)
    for name, text in practices.items():
        (folder / "practices" / f"{name}.yml").write_text(text)
    return folder


def line_of(text: str, part: str) -> int:
    """Line (from 1) of the first occurrence of `part`."""
    return text[: text.index(part)].count("\n") + 1
