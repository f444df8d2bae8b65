-- Totals of the network's usable forms, through the last day that all data reach: percentiles by
-- instrument, version, language, informant and stage of treatment, with what tells whether a cell may
-- be shown. Therapists: the known ones; n_top_therapist are the forms of the one with the most.
with network as (
    select max(group_data_through_on) as data_through_on
    from marts.dim_practices
),

forms as (
    select
        forms.instrument_code,
        forms.version,
        forms.language,
        forms.informant,
        forms.stage,
        forms.client_key,
        forms.therapist_key,
        forms.total
    from marts.fct_administrations as forms
    cross join network
    where
        forms.exclusion_reason is null
        and forms.language is not null
        and forms.counted_on <= network.data_through_on
),

staged as (
    select
        instrument_code,
        version,
        language,
        informant,
        'all' as stage,
        client_key,
        therapist_key,
        total
    from forms
    union all
    select
        instrument_code,
        version,
        language,
        informant,
        stage,
        client_key,
        therapist_key,
        total
    from forms
    where stage is not null
),

counted as (
    select
        *,
        count(*) over (
            partition by instrument_code, version, language, informant, stage, therapist_key
        ) as n_of_therapist
    from staged
),

cells as (
    select
        instrument_code,
        version,
        language,
        informant,
        stage,
        count(*) as n_forms,
        count(distinct client_key) as n_clients,
        count(distinct therapist_key) as n_therapists,
        max(n_of_therapist) filter (therapist_key is not null) as n_top_therapist,
        quantile_cont(total, [0.1, 0.25, 0.5, 0.75, 0.9]) as percentiles,
        avg(total) as mean,
        stddev_samp(total) as sd
    from counted
    group by all
)

select
    cells.instrument_code,
    cells.version,
    cells.language,
    cells.informant,
    cells.stage,
    cells.n_forms,
    cells.n_clients,
    cells.n_therapists,
    cells.n_top_therapist,
    cells.percentiles,
    cells.mean,
    cells.sd,
    network.data_through_on
from cells
cross join network
order by all
