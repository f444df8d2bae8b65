{{ config(materialized='view', tags=['measures']) }}

-- Exact sums, so that a mean does not hang on the order in which threads add.
{%- set form = 'instrument_code, version, language, informant' %}
{%- set client = 'practice_id, site_id, therapist_key, client_key, ' ~ form %}
with forms as (
    select
        forms.*,
        {{ exact('forms.total') }} as billionths
    from {{ ref('int_administrations_linked') }} as forms
    inner join {{ ref('stg_instruments') }} as instruments
        on
            forms.instrument_code = instruments.instrument_code
            and forms.version = instruments.version
    where forms.exclusion_reason is null and instruments.kind = 'alliance'
),

clients as (
    select
        {{ client }},
        count(*) as n_forms,
        {{ inexact('sum(billionths)') }} / count(*) as client_mean
    from forms
    group by {{ client }}
),

-- Clients with too few forms are in nobody's mean. A therapist who is not known has none.
eligible as (
    select
        *,
        {{ exact('client_mean') }} as billionths
    from clients
    where n_forms >= {{ var('centring_minimum_forms') }}
),

therapists as (
    select
        practice_id,
        site_id,
        therapist_key,
        {{ form }},
        count(*) as n_clients,
        {{ inexact('sum(billionths)') }} / count(*) as therapist_mean
    from eligible
    where therapist_key is not null
    group by practice_id, site_id, therapist_key, {{ form }}
),

sites as (
    select
        practice_id,
        site_id,
        {{ form }},
        count(*) as n_clients,
        {{ inexact('sum(billionths)') }} / count(*) as site_mean
    from eligible
    group by practice_id, site_id, {{ form }}
)

select
    forms.administration_row,
    forms.practice_id,
    forms.site_id,
    forms.therapist_key,
    forms.client_key,
    forms.episode_key,
    forms.session_key,
    forms.instrument_code,
    forms.version,
    forms.language,
    forms.informant,
    forms.counted_on,
    forms.month_on,
    forms.session_no,
    forms.total,
    cast(clients.n_forms as integer) as n_client_forms,
    eligible.client_mean,
    forms.total - eligible.client_mean as deviation,
    case when eligible.client_key is not null then therapists.therapist_mean end as therapist_mean,
    cast(
        case when eligible.client_key is not null then therapists.n_clients end as integer
    ) as n_therapist_clients,
    case when eligible.client_key is not null then sites.site_mean end as site_mean,
    cast(case when eligible.client_key is not null then sites.n_clients end as integer)
        as n_site_clients,
    case when eligible.client_key is null then 'too_few_forms' end as null_reason
from forms
left join clients
    on
        forms.practice_id = clients.practice_id
        and forms.site_id = clients.site_id
        and forms.client_key = clients.client_key
        and forms.instrument_code = clients.instrument_code
        and forms.version = clients.version
        and forms.language = clients.language
        and forms.informant = clients.informant
        and forms.therapist_key is not distinct from clients.therapist_key
left join eligible
    on
        forms.practice_id = eligible.practice_id
        and forms.site_id = eligible.site_id
        and forms.client_key = eligible.client_key
        and forms.instrument_code = eligible.instrument_code
        and forms.version = eligible.version
        and forms.language = eligible.language
        and forms.informant = eligible.informant
        and forms.therapist_key is not distinct from eligible.therapist_key
left join therapists
    on
        forms.practice_id = therapists.practice_id
        and forms.site_id = therapists.site_id
        and forms.instrument_code = therapists.instrument_code
        and forms.version = therapists.version
        and forms.language = therapists.language
        and forms.informant = therapists.informant
        and forms.therapist_key = therapists.therapist_key
left join sites
    on
        forms.practice_id = sites.practice_id
        and forms.site_id = sites.site_id
        and forms.instrument_code = sites.instrument_code
        and forms.version = sites.version
        and forms.language = sites.language
        and forms.informant = sites.informant
