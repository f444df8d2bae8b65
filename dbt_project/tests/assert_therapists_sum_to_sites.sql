-- A site's clients and forms are those of its therapists, the unknown one included.
{% set cell = [
    'practice_id', 'site_id', 'instrument_code', 'version', 'language', 'informant',
    'collection_mode', 'metric', 'stage', 'period',
] | join(', ') %}
with summed as (
    select
        {{ cell }},
        sum(n_clients) as n_clients,
        sum(n_forms) as n_forms,
        sum(n_clients * mean_of_client_means) / sum(n_clients) as mean_of_client_means
    from {{ ref('rpt_therapist_statistics') }}
    group by {{ cell }}
)

select {{ cell }}
from {{ ref('rpt_site_statistics') }} as sites
full outer join summed using ({{ cell }})
where
    sites.n_clients is distinct from summed.n_clients
    or sites.n_forms is distinct from summed.n_forms
    or abs(sites.mean_of_client_means - summed.mean_of_client_means) > 0.000001
