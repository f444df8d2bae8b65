{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

-- Keys are pseudonyms made with the practice's own key, so they never meet another practice's.
-- An episode may come back under another client: all versions of it are weighed, whoever they name.
with versions as (
    select *
    from {{ ref('stg_episodes') }}
    where episode_key in (
        select episode_key from {{ ref('stg_episodes') }} where {{ is_touched() }}
    )
),

standing as (
    {{ standing_versions(
        'versions',
        ['episode_key', 'load_seq', 'row_no'],
        "case when taken.period_on = 'closed_on' then versions.closed_on "
        ~ "else versions.opened_on end",
        'true',
    ) }}
),

newest as (
    select
        episode_key,
        {{ newest(['load_seq', 'row_no']) }} as found
    from standing
    group by episode_key
),

-- The newest version may name a client of whom nothing came tonight: that client has it already.
current_episodes as (
    select versions.*
    from versions
    inner join newest
        on
            versions.episode_key = newest.episode_key
            and versions.load_seq = {{ newest_part('newest.found', 1) }}
            and versions.row_no = {{ newest_part('newest.found', 2) }}
    inner join {{ ref('stg_practices') }} as practices
        on versions.practice_id = practices.practice_id
    where {{ is_touched('versions.client_key') }}
)

select
    practice_id,
    client_key,
    episode_key,
    unit_key,
    site_id,
    therapist_key,
    opened_on,
    closed_on,
    is_year_only,
    state,
    state = 'closed' as is_closed,
    ending_code,
    service_type,
    modality,
    planned_sessions,
    agreed_interval_days,
    age_band_at_intake,
    gender,
    language,
    problem_group,
    use_permission,
    prior_episodes,
    cast(count(*) over (partition by client_key) as integer) as n_client_episodes
from current_episodes
