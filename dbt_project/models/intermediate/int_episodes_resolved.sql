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
),

-- A client of whom any episode is stated has no derived one: two kinds of cut never mix.
known as (
    select
        practice_id,
        client_key,
        episode_key,
        'stated' as episode_source,
        unit_key,
        site_id,
        therapist_key,
        opened_on,
        closed_on,
        is_year_only,
        state,
        state = 'closed' as is_closed,
        cast(null as date) as closed_known_on,
        opened_on as holds_from_on,
        closed_on as holds_to_on,
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
        prior_episodes
    from current_episodes
    union all
    select
        practice_id,
        client_key,
        episode_key,
        'derived' as episode_source,
        unit_key,
        site_id,
        therapist_key,
        opened_on,
        closed_on,
        is_year_only,
        'closed' as state,
        true as is_closed,
        closed_known_on,
        holds_from_on,
        holds_to_on,
        'not_recorded' as ending_code,
        service_type,
        'not_recorded' as modality,
        cast(null as integer) as planned_sessions,
        cast(null as integer) as agreed_interval_days,
        'not_recorded' as age_band_at_intake,
        'not_recorded' as gender,
        'not_recorded' as language,
        'not_recorded' as problem_group,
        use_permission,
        cast(null as integer) as prior_episodes
    from {{ ref('int_episodes_derived') }}
    where
        {{ is_touched() }}
        and client_key not in (select client_key from current_episodes)
)

select
    *,
    cast(count(*) over (partition by client_key) as integer) as n_client_episodes
from known
