select
    practice_id,
    site_id,
    instrument_code,
    version,
    language,
    informant,
    collection_mode,
    'mean_score' as metric,
    stage,
    period,
    therapist_key,
    n_clients,
    n_forms,
    {{ inexact('summed_means') }} / n_clients as mean_of_client_means,
    {{ squared_deviations('n_clients', 'summed_means', 'summed_squares') }} as sum_of_squares
from {{ ref('int_therapist_cells_summed') }}
where n_clients > 0
