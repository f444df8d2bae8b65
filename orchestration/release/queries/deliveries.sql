-- The ledger, each attempt with its counts of checks. `superseded` is derived: none of its rows
-- can stand, because a newer snapshot of its kind of file came or it was loaded again. Expected
-- deliveries are added by the writer.
-- The night's report adds the same rows up, so a check is counted in one place.
with checks as (
    select
        load_seq,
        count(*) filter (where status in ('passed', 'passed_with_failures')) as n_checks_passed,
        count(*) filter (
            where status in ('failed', 'error') and severity <> 'critical'
        ) as n_checks_warned,
        count(*) filter (
            where status in ('failed', 'error') and severity = 'critical'
        ) as n_checks_failed
    from quality.check_results
    group by load_seq
)

select
    ledger.practice_id,
    ledger.feed,
    ledger.load_seq,
    ledger.delivery_id,
    ledger.file,
    ledger.file_name,
    ledger.file_sha256,
    case when ordered.is_standing = false then 'superseded' else ledger.state end as state,
    ledger.received_at,
    coalesce(ordered.last_exported_on, ledger.exported_on) as exported_on,
    ledger.delivery_scope,
    ledger.n_rows_stored,
    cast(null as timestamp) as expected_by_at,
    ledger.n_file_rows,
    ledger.n_rows_read,
    ledger.n_accepted,
    ledger.n_quarantined,
    ledger.n_excluded,
    coalesce(checks.n_checks_passed, 0) as n_checks_passed,
    coalesce(checks.n_checks_warned, 0) as n_checks_warned,
    coalesce(checks.n_checks_failed, 0) as n_checks_failed,
    ledger.data_through_on,
    ledger.message,
    ledger.reason,
    ledger.is_over_tolerance
from raw.deliveries as ledger
left join checks on ledger.load_seq = checks.load_seq
left join raw.deliveries_ordered as ordered on ledger.load_seq = ordered.load_seq
