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
    or n_clients_due > n_due
    or n_clients_answered > least(n_clients_due, n_completed)
    or n_clients_missing > least(n_clients_due, n_due - n_completed)
    or n_clients_answered + n_clients_missing < n_clients_due
    or n_due_of_top_client > n_due
    or n_due_of_top_therapist > n_due
