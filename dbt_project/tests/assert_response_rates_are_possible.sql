-- What came back was due, and who took part had something due.
select
    practice_id,
    site_id,
    instrument_code,
    stage,
    period
from {{ ref('rpt_response_rates') }}
where
    n_due < 1
    or n_completed > n_due
    or n_therapists_taking_part > n_therapists_due
    or n_therapists_due > n_due
