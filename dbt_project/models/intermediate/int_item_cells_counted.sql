{{ config(tags=['measures']) }}

with rated as (
    select
        practice_id,
        site_id,
        instrument_code,
        version,
        language,
        informant,
        client_key,
        therapist_key,
        count(*) as n_forms,
        sum(case when has_items then 1 else 0 end) as n_forms_with_items
    from {{ ref('int_forms_answered') }}
    group by
        practice_id,
        site_id,
        instrument_code,
        version,
        language,
        informant,
        client_key,
        therapist_key
),

-- A client belongs to the therapist with most of the client's forms, as in the cells of means.
ranked as (
    select
        *,
        row_number() over (
            partition by
                practice_id, site_id, instrument_code, version, language, informant, client_key
            order by n_forms desc, therapist_key asc nulls last
        ) as choice
    from rated
),

by_therapist as (
    select
        practice_id,
        site_id,
        instrument_code,
        version,
        language,
        informant,
        therapist_key,
        sum(n_forms) as n_forms,
        sum(n_forms_with_items) as n_forms_with_items,
        sum(case when choice = 1 then 1 else 0 end) as n_clients
    from ranked
    group by
        practice_id, site_id, instrument_code, version, language, informant, therapist_key
),

cells as (
    select
        practice_id,
        site_id,
        instrument_code,
        version,
        language,
        informant,
        sum(n_forms) as n_forms,
        sum(n_forms_with_items) as n_forms_with_items,
        sum(n_clients) as n_clients,
        sum(case when therapist_key is not null and n_clients > 0 then 1 else 0 end)
            as n_therapists,
        max(case when therapist_key is not null then n_forms end) as n_forms_of_top_therapist,
        sum(case when therapist_key is not null then n_forms end) as n_forms_of_known
    from by_therapist
    group by practice_id, site_id, instrument_code, version, language, informant
)

select
    practice_id,
    site_id,
    instrument_code,
    version,
    language,
    informant,
    cast(n_forms as integer) as n_forms,
    cast(n_forms - n_forms_with_items as integer) as n_forms_without_items,
    cast(n_clients as integer) as n_clients,
    cast(nullif(n_therapists, 0) as integer) as n_therapists,
    cast(n_forms_of_top_therapist as double) / n_forms_of_known as top_therapist_form_share
from cells
