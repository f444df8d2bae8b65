{{ config(materialized='view', tags=['measures']) }}

-- What a form says by itself: one row per form and metric. Forms are the very ones that enter cells.
with forms as (
    select
        forms.practice_id,
        forms.site_id,
        forms.therapist_key,
        forms.client_key,
        forms.episode_key,
        forms.instrument_code,
        forms.version,
        forms.language,
        forms.informant,
        forms.month_on,
        {{ treatment_stage('forms', 'practices.data_through_on') }} as stage,
        sessions.delivery_mode,
        episodes.age_band_at_intake as age_band,
        sessions.interpreter as has_interpreter,
        forms.total,
        forms.total = scales.best as is_at_best,
        case
            when scores.n_answered > 0 and scores.n_missing = 0 and scales.n_items > 0
                then forms.total = scales.best
        end as is_every_item_at_best
    from {{ ref('int_administrations_linked') }} as forms
    inner join {{ ref('int_practices_dated') }} as practices
        on forms.practice_id = practices.practice_id
    inner join {{ ref('int_scales_numbered') }} as scales
        on
            forms.instrument_code = scales.instrument_code
            and forms.version = scales.version
            and scales.scale = 'total'
    inner join {{ ref('int_scores_computed') }} as scores
        on
            forms.administration_row = scores.administration_row
            and scores.scale = 'total'
    left join {{ ref('int_sessions_numbered') }} as sessions
        on
            forms.client_key = sessions.client_key
            and forms.session_key = sessions.session_key
    left join {{ ref('int_episodes_resolved') }} as episodes
        on
            forms.client_key = episodes.client_key
            and forms.episode_key = episodes.episode_key
    where forms.exclusion_reason is null
)

{{ value_measured('forms', 'mean_score', 'total') }}
union all
{{ share_measured('forms', 'ceiling_share', 'is_at_best') }}
union all
{{ share_measured(
    'forms',
    'all_items_at_best',
    'is_every_item_at_best',
    "case when is_every_item_at_best is null then 'items_missing' end"
) }}
