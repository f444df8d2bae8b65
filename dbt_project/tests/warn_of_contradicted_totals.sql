-- Forms whose stated total is not what their answers give. Both are kept, neither is overwritten;
-- a practice's system scoring by another key shows here first.
{{ config(severity='warn') }}
select
    practice_id,
    instrument_code,
    version,
    count(*) as n_forms
from {{ ref('fct_scores') }}
where is_contradicted
group by practice_id, instrument_code, version
