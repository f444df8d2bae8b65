-- What disclosure control knows of earlier releases. Rows of a release that did not go out, or not
-- yet, are provisional: the next night takes them back.
--
-- Names that are null in the marts are empty texts here, since cells are found again by them.

-- Grain: one release, as disclosure control counts them. `rules` are the thresholds it was written
-- under; `release_id` is known once its candidate was found to be safe; `is_out` once readers have it.
create table if not exists benchmark.disclosure_releases (
    release_no integer not null,
    release_id varchar,
    rules varchar not null,
    written_on date not null,
    is_out boolean not null
);

-- Grain: one cell of site_benchmarks x release in which it, or what was written of it, changed. True
-- numbers of hidden cells are among it: it stays in the warehouse. Columns as
-- benchmarking/disclosure.py has them.
create table if not exists benchmark.disclosure_ledger (
    practice_id varchar not null,
    site_id varchar not null,
    instrument_code varchar not null,
    version varchar not null,
    language varchar not null,
    informant varchar not null,
    collection_mode varchar not null,
    metric varchar not null,
    stage varchar not null,
    period varchar not null,
    release_no integer not null,
    content varchar not null,
    n_clients double,
    n_forms double,
    n_therapists double,
    mean double,
    share double,
    width double,
    top_therapist_form_share double,
    shown_n_clients double,
    shown_n_forms double,
    shown_n_therapists double,
    shown_mean double,
    shown_share double,
    is_suppressed boolean not null,
    is_primary boolean not null,
    written_content varchar not null,
    written_release integer not null,
    is_offered boolean not null
);

-- Grain: one cell written anew in a release x earlier release it had been written in; clients.
create table if not exists benchmark.disclosure_changes (
    practice_id varchar not null,
    site_id varchar not null,
    instrument_code varchar not null,
    version varchar not null,
    language varchar not null,
    informant varchar not null,
    collection_mode varchar not null,
    metric varchar not null,
    stage varchar not null,
    period varchar not null,
    against integer not null,
    release_no integer not null,
    n_changed double not null,
    n_entered double not null,
    n_left double not null
);

-- Grain: one shown cell x release it was written in; what its standard error was made of.
create table if not exists benchmark.disclosure_errors (
    practice_id varchar not null,
    site_id varchar not null,
    instrument_code varchar not null,
    version varchar not null,
    language varchar not null,
    informant varchar not null,
    collection_mode varchar not null,
    metric varchar not null,
    stage varchar not null,
    period varchar not null,
    release_no integer not null,
    therapists_effective double,
    deviation double,
    is_therapist_unknown boolean not null
);

-- Grain: one network x release in which its variances were estimated.
create table if not exists benchmark.disclosure_networks (
    instrument_code varchar not null,
    version varchar not null,
    language varchar not null,
    informant varchar not null,
    collection_mode varchar not null,
    metric varchar not null,
    stage varchar not null,
    period varchar not null,
    release_no integer not null,
    n_sites_published integer not null,
    n_sites integer not null,
    n_therapists integer not null,
    n_clients integer not null,
    variance_therapist double,
    variance_client double,
    separation varchar,
    is_confounded boolean not null,
    sentence varchar not null
);

-- Grain: one response rate x release it was written in; counts of then, which stay in the warehouse.
-- `shown_rate` is null where it was hidden; `judged_rate` is what reasons are made of. Columns as benchmarking/shown_rates.py has them.
create table if not exists benchmark.disclosure_rates (
    practice_id varchar not null,
    site_id varchar not null,
    instrument_code varchar not null,
    version varchar not null,
    informant varchar not null,
    stage varchar not null,
    period varchar not null,
    release_no integer not null,
    n_due double not null,
    n_completed double not null,
    n_clients_due double not null,
    n_clients_answered double not null,
    n_clients_missing double not null,
    n_due_of_top_client double not null,
    n_therapists_due double,
    n_therapists_taking_part double,
    n_due_of_top_therapist double,
    shown_rate double,
    judged_rate double
);

-- Grain: one client x cell x closed month x stage, as it stood from one release until another: by it
-- the clients of a cell that changed are counted. Withdrawal, retention and new keys reach it.
create table if not exists benchmark.disclosure_members (
    practice_id varchar not null,
    site_id varchar not null,
    client_key uuid not null,
    instrument_code varchar not null,
    version varchar not null,
    language varchar not null,
    informant varchar not null,
    collection_mode varchar not null,
    stage varchar not null,
    month_on date,
    n_forms bigint not null,
    n_at_best bigint not null,
    summed_billionths hugeint not null,
    from_release integer not null,
    until_release integer
);

-- Grain: one row of a table of measures, as a release wrote it. `row_digest` is of its key;
-- `said` its columns that are about clients, as JSON, in the allow-list of `shape`; `sketch` how its
-- cell's people were spread over what they contribute (int_cells_sketched), where it has a cell. There
-- is no pseudonym in it, so withdrawal, retention and new keys have nothing to do here.
create table if not exists benchmark.disclosure_measures (
    table_name varchar not null,
    row_digest ubigint not null,
    shape varchar not null,
    said varchar not null,
    sketch integer[],
    release_no integer not null
);
