-- The registry as tables: rewritten whole whenever its digest changes. dbt knows no practice and
-- no instrument by name; it knows these tables.
create or replace table reference.practices (practice_id varchar, name varchar);
create or replace table reference.sites (
    practice_id varchar, site_id varchar, name varchar, service_setting varchar,
    peer_group varchar, open_from date, open_to date
);
create or replace table reference.schedules (
    practice_id varchar, schedule_id varchar, instrument_code varchar, version varchar,
    informant varchar, rule varchar, every_n integer, window_days integer,
    valid_from date, valid_to date
);
-- The sessions of a session_list schedule.
create or replace table reference.schedule_sessions (
    practice_id varchar, schedule_id varchar, session_no integer
);
-- The sites and service types in a schedule's scope, always spelt out (no row = not in scope).
create or replace table reference.schedule_sites (
    practice_id varchar, schedule_id varchar, site_id varchar
);
create or replace table reference.schedule_service_types (
    practice_id varchar, schedule_id varchar, service_type varchar
);
-- Sessions of which a schedule's form is not asked: those that fit every column that is not null.
create or replace table reference.schedule_exemptions (
    practice_id varchar, schedule_id varchar, reason varchar, age_band varchar,
    delivery_mode varchar, has_interpreter boolean, valid_from date, valid_to date
);
-- Practices whose episodes are derived of sessions, and the days whose sessions that holds for.
create or replace table reference.episode_derivations (
    practice_id varchar, valid_from date, valid_to date, gap_days integer, service_type varchar,
    use_permission varchar
);
create or replace table reference.instruments (
    instrument_code varchar, version varchar, name varchar, kind varchar, n_items integer,
    item_minimum double, item_maximum double, direction varchar, is_totals_only boolean,
    is_scored boolean, key_status varchar, key_note varchar, licence varchar, citations varchar
);
create or replace table reference.scales (
    instrument_code varchar, version varchar, scale varchar, method varchar, factor double,
    n_items integer, minimum double, maximum double, missing_rule varchar, max_missing integer,
    decimals integer, alliance_construct varchar, direction varchar
);
-- The scales that a scale of method sum_of_scales adds up.
create or replace table reference.scale_parts (
    instrument_code varchar, version varchar, scale varchar, part varchar
);
create or replace table reference.scale_items (
    instrument_code varchar, version varchar, scale varchar, item_no utinyint,
    is_reversed boolean
);
-- Prompts, never diagnoses. Languages, informants, ages: one text each, separated by spaces; empty
-- where the source names none. `is_inclusive`: whether the value itself lies on the side.
create or replace table reference.cut_offs (
    instrument_code varchar, version varchar, scale varchar, cut_off varchar, cut_value double,
    side varchar, is_inclusive boolean, languages varchar, informants varchar, age_bands varchar,
    intended_use varchar, mark varchar, citation varchar
);
-- Least reliable change, scale points: published, or computed from the SD and reliability beside it.
create or replace table reference.reliable_changes (
    instrument_code varchar, version varchar, scale varchar, informants varchar, points double,
    is_published boolean, sd double, reliability double, sample varchar, mark varchar,
    citation varchar
);
-- Instruments whose totals ask the same of two informants, one row in each direction. An instrument
-- is parallel to itself and has no row.
create or replace table reference.parallel_forms (
    instrument_code varchar, version varchar, parallel_code varchar, parallel_version varchar
);
-- One row: the group's thresholds (columns named as in expectations/model.py, class Thresholds).
create or replace table reference.settings (
    minimum_clients integer, minimum_therapists integer, flag_minimum_clients integer,
    winsorise_share double, opening_sessions integer, developing_until_session integer,
    ending_sessions integer, link_days integer, data_complete_within_days integer,
    response_rate_floor double, response_rate_gap double
);
-- Kinds of period the group publishes: month, quarter, year, last_12_months, all.
create or replace table reference.period_kinds (period_kind varchar);
-- How units become a site's value, and how many of them it needs; the words are in expectations/metrics.
create or replace table reference.metrics (
    metric varchar, aggregation varchar, is_per_instrument boolean, has_distribution boolean,
    minimum_units integer
);
-- The network's norms as they were frozen, each in force for forms of these days; scale points.
create or replace table reference.frozen_norms (
    valid_from date, valid_to date, data_through_on date, instrument_code varchar,
    version varchar, language varchar, informant varchar, stage varchar, n_forms integer,
    n_clients integer, p10 double, p25 double, median double, p75 double, p90 double
);
-- The registry's digest these tables were written from.
create or replace table reference.registry (digest varchar);
