-- Means lie within the instrument's range, shares between 0 and 1, and counts within each other.
select
    sites.practice_id,
    sites.site_id,
    sites.instrument_code,
    sites.stage,
    sites.period
from {{ ref('rpt_site_statistics') }} as sites
left join {{ ref('dim_instruments') }} as instruments
    on
        sites.instrument_code = instruments.instrument_code
        and sites.version = instruments.version
where
    instruments.instrument_code is null
    or sites.mean_of_client_means < instruments.total_minimum - 0.000001
    or sites.mean_of_client_means > instruments.total_maximum + 0.000001
    or sites.sum_of_squares < 0
    or sites.ceiling_share not between 0 and 1
    or sites.top_therapist_form_share not between 0 and 1
    or sites.n_clients > sites.n_forms
    or sites.n_therapists > sites.n_clients
    or sites.n_clients_therapist_unknown > sites.n_clients
