{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
    tags=['process_ratings'],
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

with standing as (
    {{ standing_versions(
        ref('stg_process_ratings'),
        ['rating_key', 'load_seq', 'row_no'],
        'versions.rated_on',
        is_touched('versions.client_key'),
    ) }}
),

newest as (
    select {{ newest(['load_seq', 'row_no']) }} as found
    from standing
    group by rating_key
)

select
    ratings.practice_id,
    ratings.rating_key,
    ratings.client_key,
    ratings.session_key,
    ratings.informant,
    ratings.respondent,
    ratings.rating_kind,
    ratings.segment_start_seconds,
    ratings.helpfulness,
    ratings.rupture_reported,
    ratings.rated_on,
    ratings.is_year_only
from {{ ref('stg_process_ratings') }} as ratings
inner join newest
    on
        ratings.load_seq = {{ newest_part('newest.found', 1) }}
        and ratings.row_no = {{ newest_part('newest.found', 2) }}
inner join {{ ref('stg_practices') }} as practices on ratings.practice_id = practices.practice_id
