{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
    tags=['measures'],
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

with scales as (
    select
        scales.instrument_code,
        scales.version,
        scales.direction
    from {{ ref('stg_scales') }} as scales
    inner join {{ ref('stg_instruments') }} as instruments
        on
            scales.instrument_code = instruments.instrument_code
            and scales.version = instruments.version
    where scales.scale = 'total' and instruments.kind = 'outcome'
),

episodes as (
    select
        episodes.*,
        {{ month_counted('episodes.closed_on', 'episodes.is_year_only') }} as month_on,
        coalesce(episodes.closed_known_on, episodes.closed_on) as closed_from_on
    from {{ ref('int_episodes_resolved') }} as episodes
    inner join {{ ref('stg_sites') }} as sites
        on episodes.practice_id = sites.practice_id and episodes.site_id = sites.site_id
    where
        {{ is_touched('episodes.client_key') }}
        and episodes.is_closed
        and episodes.use_permission = 'all'
        and episodes.service_type not in ('crisis', 'assessment')
        and not ({{ is_treated_together('episodes.service_type', 'episodes.unit_key', 'null') }})
),

-- A form without a score is kept: it shows that the instrument was in use.
forms as (
    select
        forms.client_key,
        forms.episode_key,
        forms.instrument_code,
        forms.version,
        forms.language,
        forms.informant,
        forms.respondent,
        forms.administration_row,
        forms.counted_on,
        forms.completed_on,
        forms.session_no,
        forms.occasion,
        forms.is_year_only,
        forms.total,
        forms.exclusion_reason is null as is_usable
    from {{ ref('int_administrations_linked') }} as forms
    inner join scales
        on forms.instrument_code = scales.instrument_code and forms.version = scales.version
    where
        {{ is_touched('forms.client_key') }}
        and coalesce(forms.exclusion_reason, '') in ('', 'not_filled_in', 'no_score')
),

-- Which forms can be put in order at all. Days of a year alone and days of the calendar do not
-- mix, and occasions order only forms of which none has a day.
datings as (
    select
        *,
        max(case when is_usable and counted_on is not null then 1 else 0 end) over of_series
            as has_days,
        min(case when is_usable and counted_on is not null and not is_year_only then 0 else 1 end)
            over of_series as is_by_year
    from forms
    window of_series as (
        partition by
            client_key, episode_key, instrument_code, version, language, informant, respondent
    )
),

placed as (
    select
        *,
        case
            when not is_usable then null
            when has_days = 0 then occasion
            when is_by_year = case when is_year_only then 1 else 0 end
                then {{ days_between("cast('1970-01-01' as date)", 'counted_on') }}
        end as place
    from datings
),

-- On one day the order is the sessions', then the arrival's.
ordered as (
    select
        *,
        row_number() over (
            partition by
                client_key, episode_key, instrument_code, version, language, informant, respondent
            order by
                place asc nulls last,
                completed_on asc,
                session_no asc,
                occasion asc,
                administration_row asc
        ) as form_no
    from placed
),

series as (
    select
        client_key,
        episode_key,
        instrument_code,
        version,
        language,
        informant,
        respondent,
        cast(count(place) as integer) as n_forms,
        cast(count(distinct place) as integer) as n_days,
        min(case when place is not null then form_no end) as first_no,
        max(case when place is not null then form_no end) as last_no
    from ordered
    group by client_key, episode_key, instrument_code, version, language, informant, respondent
),

-- Of two caregivers the one who answered on more days speaks; the first form of one and the last of
-- the other would be no change.
chosen as (
    select
        *,
        row_number() over (
            partition by client_key, episode_key, instrument_code, version, language, informant
            order by n_days desc, n_forms desc, respondent asc nulls first
        ) as choice
    from series
),

paired as (
    select
        series.client_key,
        series.episode_key,
        series.instrument_code,
        series.version,
        series.language,
        series.informant,
        series.respondent,
        series.n_forms,
        max(case when forms.form_no = series.first_no then forms.counted_on end) as pre_on,
        max(case when forms.form_no = series.last_no then forms.counted_on end) as post_on,
        max(case when forms.form_no = series.first_no then forms.total end) as pre,
        max(case when forms.form_no = series.last_no then forms.total end) as post
    from chosen as series
    left join ordered as forms
        on
            series.client_key = forms.client_key
            and series.episode_key = forms.episode_key
            and series.instrument_code = forms.instrument_code
            and series.version = forms.version
            and series.language is not distinct from forms.language
            and series.informant = forms.informant
            and series.respondent is not distinct from forms.respondent
            and forms.form_no in (series.first_no, series.last_no)
            and series.n_days > 1
    where series.choice = 1
    group by
        series.client_key,
        series.episode_key,
        series.instrument_code,
        series.version,
        series.language,
        series.informant,
        series.respondent,
        series.n_forms
),

-- Who can need a reliable change or a cut-off: few rows, whatever the number of episodes.
identities as (
    select distinct
        paired.instrument_code,
        paired.version,
        paired.language,
        paired.informant,
        episodes.age_band_at_intake
    from paired
    inner join episodes
        on
            paired.client_key = episodes.client_key
            and paired.episode_key = episodes.episode_key
),

-- What is declared for this informant goes before what is declared for any; two that apply alike
-- are none.
reliable_changes as (
    select
        instrument_code,
        version,
        informant,
        max(points) as points,
        min(case when is_published then 1 else 0 end) = 1 as is_published
    from (
        select
            named.instrument_code,
            named.version,
            named.informant,
            declared.points,
            declared.is_published,
            rank() over (
                partition by named.instrument_code, named.version, named.informant
                order by case when declared.informants = '' then 1 else 0 end
            ) as choice
        from (
            select distinct
                instrument_code,
                version,
                informant
            from identities
        ) as named
        inner join {{ ref('stg_reliable_changes') }} as declared
            on
                named.instrument_code = declared.instrument_code
                and named.version = declared.version
        where
            declared.scale = 'total'
            and {{ is_declared_for('declared.informants', 'named.informant') }}
    ) as ranked
    where choice = 1
    group by instrument_code, version, informant
    having count(*) = 1
),

cut_offs as (
    select
        instrument_code,
        version,
        language,
        informant,
        age_band_at_intake,
        max(cut_value) as cut_value,
        max(side) as side,
        min(case when is_inclusive then 1 else 0 end) = 1 as is_inclusive
    from (
        select
            identities.instrument_code,
            identities.version,
            identities.language,
            identities.informant,
            identities.age_band_at_intake,
            declared.cut_value,
            declared.side,
            declared.is_inclusive,
            rank() over (
                partition by
                    identities.instrument_code,
                    identities.version,
                    identities.language,
                    identities.informant,
                    identities.age_band_at_intake
                order by
                    case when declared.age_bands = '' then 1 else 0 end,
                    case when declared.informants = '' then 1 else 0 end,
                    case when declared.languages = '' then 1 else 0 end
            ) as choice
        from identities
        inner join {{ ref('stg_cut_offs') }} as declared
            on
                identities.instrument_code = declared.instrument_code
                and identities.version = declared.version
        where
            declared.scale = 'total'
            and declared.intended_use = 'clinical_range'
            and {{ is_declared_for('declared.languages', "coalesce(identities.language, '-')") }}
            and {{ is_declared_for('declared.informants', 'identities.informant') }}
            and {{ is_declared_for('declared.age_bands', 'identities.age_band_at_intake') }}
    ) as ranked
    where choice = 1
    group by instrument_code, version, language, informant, age_band_at_intake
    having count(*) = 1
),

changes as (
    select
        paired.*,
        episodes.practice_id,
        episodes.site_id,
        episodes.therapist_key,
        episodes.closed_from_on,
        episodes.month_on,
        episodes.age_band_at_intake,
        scales.direction,
        -- A difference of two decimals is not their decimal: 12.7 - 6.7 would fall short of 6.
        round(
            case
                when scales.direction = 'lower_is_better' then paired.pre - paired.post
                else paired.post - paired.pre
            end,
            6
        ) as gain,
        reliable_changes.points as reliable_points,
        reliable_changes.is_published as is_reliable_points_published,
        cut_offs.cut_value,
        case
            when paired.pre = cut_offs.cut_value then cut_offs.is_inclusive
            else (paired.pre < cut_offs.cut_value) = (cut_offs.side = 'below')
        end as was_clinical,
        case
            when paired.post = cut_offs.cut_value then cut_offs.is_inclusive
            else (paired.post < cut_offs.cut_value) = (cut_offs.side = 'below')
        end as is_clinical
    from paired
    inner join episodes
        on
            paired.client_key = episodes.client_key
            and paired.episode_key = episodes.episode_key
    inner join scales
        on paired.instrument_code = scales.instrument_code and paired.version = scales.version
    left join reliable_changes
        on
            paired.instrument_code = reliable_changes.instrument_code
            and paired.version = reliable_changes.version
            and paired.informant = reliable_changes.informant
    left join cut_offs
        on
            paired.instrument_code = cut_offs.instrument_code
            and paired.version = cut_offs.version
            and paired.language is not distinct from cut_offs.language
            and paired.informant = cut_offs.informant
            and episodes.age_band_at_intake = cut_offs.age_band_at_intake
),

-- A published index is quoted as the least change that counts; a computed one must be exceeded.
judged as (
    select
        *,
        gain > reliable_points
        or (is_reliable_points_published and gain = reliable_points) as is_better,
        -gain > reliable_points
        or (is_reliable_points_published and -gain = reliable_points) as is_worse
    from changes
)

select
    practice_id,
    site_id,
    therapist_key,
    client_key,
    episode_key,
    instrument_code,
    version,
    language,
    informant,
    respondent,
    closed_from_on,
    month_on,
    age_band_at_intake as age_band,
    direction,
    n_forms,
    pre_on,
    post_on,
    pre,
    post,
    gain,
    reliable_points,
    is_reliable_points_published,
    cut_value,
    was_clinical,
    is_clinical,
    case
        when is_better and was_clinical and not is_clinical then 'recovered'
        when is_better then 'improved'
        when is_worse and not was_clinical and is_clinical then 'harmed'
        when is_worse then 'deteriorated'
        when gain is not null and reliable_points is not null then 'unchanged'
    end as category,
    case
        when gain is null then 'no_pair'
        when reliable_points is null then 'no_reliable_change'
        when cut_value is null then 'no_cut_off'
    end as null_reason
from judged
