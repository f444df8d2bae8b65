-- Every table our own code writes. dbt owns the schemas staging, intermediate and marts.
-- `_key` columns are 128 bits of an HMAC, held as a UUID; `load_seq` numbers deliveries in
-- the order they were loaded and is what incremental models compare with `raw.builds`.
create schema if not exists raw;
create schema if not exists quality;
create schema if not exists reference;
create schema if not exists benchmark;

-- The ledger. Grain: one attempt on one file for one feed.
create table if not exists raw.deliveries (
    load_seq bigint not null,
    delivery_id varchar not null,
    practice_id varchar not null,
    feed varchar not null,
    file varchar,
    file_name varchar,
    file_sha256 varchar not null,
    file_bytes bigint,
    state varchar not null,
    reason varchar,
    message varchar,
    n_rows_read bigint not null,
    n_accepted bigint not null,
    n_quarantined bigint not null,
    n_excluded bigint not null,
    exclusions varchar not null,
    is_over_tolerance boolean not null,
    exported_on date,
    received_at timestamp not null,
    delivery_scope varchar,
    contract_valid_from date,
    contract_digest varchar,
    registry_digest varchar not null,
    code_version varchar not null,
    data_from_on date,
    data_through_on date,
    n_attempts integer not null
);
-- A table that has gone out is never rewritten: what came later is added here.
--
-- Rows of the file, each once; null where it was not read to its end. `n_rows_read` counts a row
-- that carries k questionnaires k times, and accepted, quarantined and excluded add up to that.
alter table raw.deliveries add column if not exists n_file_rows bigint;

-- The group's local date; `received_at` is UTC. A home made before it keeps for its older deliveries
-- the date that was counted with until then, so that no published number of theirs moves.
alter table raw.deliveries add column if not exists received_on date;
update raw.deliveries set received_on = cast(received_at as date) where received_on is null;

-- Grain: one file that came though its bytes had been loaded before, under whatever name.
-- `received_on` is the group's local date.
create table if not exists raw.resent_files (
    practice_id varchar not null,
    file varchar,
    file_sha256 varchar not null,
    received_at timestamp not null,
    received_on date not null
);

-- Grain: one version of one episode.
create table if not exists raw.episodes (
    practice_id varchar not null,
    delivery_id varchar not null,
    load_seq bigint not null,
    row_no bigint not null,
    exported_on date,
    episode_key uuid not null,
    client_key uuid not null,
    unit_key uuid,
    site_id varchar not null,
    therapist_key uuid,
    opened_on date,
    closed_on date,
    date_precision varchar not null,
    state varchar,
    ending_code varchar,
    service_type varchar,
    modality varchar,
    planned_sessions integer,
    agreed_interval_days integer,
    age_band_at_intake varchar,
    gender varchar,
    language varchar,
    problem_group varchar,
    use_permission varchar,
    prior_episodes integer
);

-- Grain: one version of one client x appointment, scheduled ones included.
create table if not exists raw.sessions (
    practice_id varchar not null,
    delivery_id varchar not null,
    load_seq bigint not null,
    row_no bigint not null,
    exported_on date,
    session_key uuid not null,
    client_key uuid not null,
    unit_key uuid,
    episode_key uuid,
    therapist_key uuid,
    site_id varchar not null,
    scheduled_on date,
    date_precision varchar not null,
    attendance varchar,
    session_type varchar,
    delivery_mode varchar,
    stated_number integer,
    planned_minutes integer,
    actual_minutes integer,
    group_session_key uuid,
    interpreter boolean
);

-- Grain: one version of one form (filled in, or due and not filled in).
-- `form_key` names the form: practice, client, instrument, version, language, informant,
-- respondent, occasion. `administration_row` names the version and joins raw.answers.
create table if not exists raw.administrations (
    administration_row bigint not null,
    practice_id varchar not null,
    delivery_id varchar not null,
    load_seq bigint not null,
    row_no bigint not null,
    exported_on date,
    form_key uuid not null,
    administration_key uuid,
    client_key uuid not null,
    respondent varchar,
    episode_key uuid,
    session_key uuid,
    occasion integer,
    rated_therapist_key uuid,
    rater_key uuid,
    instrument_code varchar not null,
    version varchar not null,
    language varchar not null,
    informant varchar not null,
    status varchar,
    completed_on date,
    date_precision varchar not null,
    timing varchar,
    collection_mode varchar,
    seen_by_therapist boolean,
    stated_total decimal(9, 3)
);

-- Grain: one answered item. Unanswered items have no row. Reversal has not been applied.
create table if not exists raw.answers (
    administration_row bigint not null,
    load_seq bigint not null,
    item_no utinyint not null,
    value decimal(9, 3) not null
);

-- Grain: client x delivery that added, changed or removed a row of that client.
create table if not exists raw.touched_clients (
    load_seq bigint not null,
    practice_id varchar not null,
    client_key uuid not null
);

-- Grain: one finished dbt build. Incremental models take clients touched after
-- max(processed_through); a build that failed leaves no row, so the next one takes them again.
create table if not exists raw.builds (
    processed_through bigint not null,
    registry_digest varchar not null,
    models_digest varchar not null,
    built_at timestamp not null
);

-- Grain: one rule on one delivery (and, for administrations, one instrument).
create table if not exists quality.check_results (
    check_seq bigint not null,
    check_id varchar not null,
    practice_id varchar not null,
    delivery_id varchar not null,
    load_seq bigint not null,
    file_sha256 varchar not null,
    feed varchar not null,
    instrument_code varchar,
    column_name varchar,
    rule varchar not null,
    rule_version integer not null,
    rule_text varchar not null,
    category varchar not null,
    severity varchar not null,
    threshold double not null,
    n_evaluated bigint not null,
    n_failed bigint not null,
    failed_share double,
    status varchar not null,
    message varchar,
    code_version varchar not null,
    registry_digest varchar not null,
    checked_at timestamp not null,
    prev_hash varchar not null,
    row_hash varchar not null
);

-- Grain: one row of one delivery failing one critical rule. No values.
create table if not exists quality.quarantine (
    practice_id varchar not null,
    delivery_id varchar not null,
    load_seq bigint not null,
    feed varchar not null,
    instrument_code varchar,
    row_no bigint not null,
    check_id varchar not null,
    column_name varchar
);

-- Grain: one release that went out, and the state of everything it was made from. A night whose
-- state equals the last row's has nothing to do.
create table if not exists benchmark.published (
    release_id varchar not null,
    processed_through bigint not null,
    registry_digest varchar not null,
    models_digest varchar not null,
    code_version varchar not null,
    published_at timestamp not null
);
