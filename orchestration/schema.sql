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

-- A load that was done again on purpose: when (UTC), and the day whose contract was used where that
-- is not the day of receipt. Bytes, receipt and place among the deliveries are those of the first.
alter table raw.deliveries add column if not exists rules_on date;
alter table raw.deliveries add column if not exists replayed_at timestamp;

-- What the ledger knows of a file beside its bytes. `file_modified_at` (UTC) tells a file that lies
-- there still from one that was put there again; a period delivery speaks for the days from
-- `period_from_on` to `period_to_on`, compared with the date column `period_on`; `n_rows_stored` are
-- the versions of rows that had to be stored: of a snapshot only those that changed.
alter table raw.deliveries add column if not exists file_modified_at timestamp;
alter table raw.deliveries add column if not exists period_on varchar;
alter table raw.deliveries add column if not exists period_from_on date;
alter table raw.deliveries add column if not exists period_to_on date;
alter table raw.deliveries add column if not exists n_rows_stored bigint;

-- Grain: one decision of a person on one delivery that was held. The newest counts.
create table if not exists raw.decisions (
    delivery_id varchar not null,
    decision varchar not null,
    decided_by varchar not null,
    decided_at timestamp not null
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

-- A row of a snapshot has a digest of its content, by which a repeated row is known; others have
-- none. Grain of the changes: one row that is in a snapshot and was not in the one loaded before
-- it, or the reverse. So what a snapshot holds is each digest's last change up to it, in the order
-- of loading, and stays so whatever is loaded later.
alter table raw.episodes add column if not exists row_hash uuid;
alter table raw.sessions add column if not exists row_hash uuid;
alter table raw.administrations add column if not exists row_hash uuid;
create table if not exists raw.snapshot_changes (
    load_seq bigint not null,
    practice_id varchar not null,
    feed varchar not null,
    file varchar not null,
    row_hash uuid not null,
    is_in boolean not null
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
-- The form, session or episode the row was to become (as raw names it), by which a corrected one is
-- known; null where the row says no such thing. It stays in the warehouse.
alter table quality.quarantine add column if not exists unit_key uuid;

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

-- Grain: one rebuild of this file from the archive that was put in force.
create table if not exists quality.rebuilds (
    rebuilt_at timestamp not null,
    code_version varchar not null,
    registry_digest varchar not null,
    ledger_from varchar not null,
    verdicts_from varchar not null,
    n_loads bigint not null,
    n_differing bigint not null,
    content_digest varchar not null,
    was_equal boolean
);

-- Grain: one version of one practice's key. All rows of a practice are pseudonymised with the
-- version that is neither replaced nor destroyed. The fingerprint says nothing of the key.
create table if not exists raw.key_versions (
    practice_id varchar not null,
    key_version integer not null,
    fingerprint varchar not null,
    valid_from_at timestamp not null,
    replaced_at timestamp,
    destroyed_at timestamp
);

-- Grain: one client who withdrew. Rows of theirs that come later are excluded as `withdrawn`.
create table if not exists quality.withdrawals (
    practice_id varchar not null,
    client_key uuid not null,
    withdrawn_on date not null,
    reason_code varchar not null
);

-- Grain: one removal of stored rows of one delivery from one table, for one reason (`withdrawn` or
-- `retention`). What the ledger counted as accepted or quarantined is there, or counted here.
create table if not exists quality.removed_rows (
    practice_id varchar not null,
    load_seq bigint not null,
    table_name varchar not null,
    n_rows bigint not null,
    reason varchar not null,
    removed_on date not null
);

-- Grain: one run of verdicts that retention took out of quality.check_results. Its two hashes keep
-- the chain whole: what the first row was chained to, and what the row after the last is chained to.
create table if not exists quality.check_gaps (
    first_check_seq bigint not null,
    last_check_seq bigint not null,
    prev_hash varchar not null,
    row_hash varchar not null,
    removed_on date not null
);

-- Whose row it was, so that a client who withdraws goes from here too; null where the row's id could
-- not be read. No release has it.
alter table quality.quarantine add column if not exists client_key uuid;

-- Grain: one row in quarantine whose ids could not be read, settled by a person: nothing that comes
-- later can be known to be it.
create table if not exists quality.quarantine_closings (
    delivery_id varchar not null,
    load_seq bigint not null,
    row_no bigint not null,
    because varchar not null,
    closed_by varchar not null,
    closed_at timestamp not null
);

-- Grain: at most one row, the dbt build and code version that benchmark.scale_reliability and
-- benchmark.careless_shares were made from.
create table if not exists benchmark.psychometrics_made (
    built_at timestamp not null,
    code_version varchar not null
);

-- The same of benchmark.marked_drops, dropout_hazards, alliance_outcomes, alliance_slopes,
-- congruences, trajectories and variance_components.
create table if not exists benchmark.measures_made (
    built_at timestamp not null,
    code_version varchar not null
);

-- The same of benchmark.site_adjustments, site_gaps, case_mix_models, case_mix_coefficients and
-- case_mix_calibration, and which cells of benchmark.site_benchmarks were shown (a fingerprint).
create table if not exists benchmark.case_mix_made (
    built_at timestamp not null,
    code_version varchar not null,
    cells_shown varchar not null
);

-- Filled every night from benchmark.site_benchmarks (orchestration/benchmarking/site_trends.py).
-- Grain: one shown cell that is a month, or a quarter where the group publishes no months.
create table if not exists benchmark.site_trends (
    practice_id varchar, site_id varchar, instrument_code varchar, version varchar,
    language varchar, informant varchar, collection_mode varchar, metric varchar, stage varchar,
    period varchar, period_on date, value double, phase integer, mean double, lower_limit double,
    upper_limit double, signals varchar, null_reason varchar
);
-- Grain: one network x period of it with ten sites or more.
create table if not exists benchmark.network_deciles (
    instrument_code varchar, version varchar, language varchar, informant varchar,
    collection_mode varchar, metric varchar, stage varchar, period varchar, period_on date,
    n_sites integer, p10 double, p20 double, p30 double, p40 double, p50 double, p60 double,
    p70 double, p80 double, p90 double
);

-- Grain: one version of one rating of a session: of one segment of it, or whether it had a rupture.
-- `rating_key` names the rating: client, session, informant, respondent, kind, start of the segment.
create table if not exists raw.process_ratings (
    practice_id varchar not null,
    delivery_id varchar not null,
    load_seq bigint not null,
    row_no bigint not null,
    exported_on date,
    row_hash uuid,
    rating_key uuid not null,
    client_key uuid not null,
    session_key uuid not null,
    informant varchar,
    respondent varchar,
    rating_kind varchar,
    segment_start_seconds integer,
    helpfulness integer,
    rupture_reported boolean,
    rated_on date,
    date_precision varchar not null
);
