{{ config(tags=['process_ratings']) }}

select
    load_seq,
    row_no,
    exported_on,
    row_hash,
    practice_id,
    rating_key,
    client_key,
    session_key,
    coalesce(informant, 'not_recorded') as informant,
    coalesce(respondent, 'not_recorded') as respondent,
    coalesce(rating_kind, 'not_recorded') as rating_kind,
    segment_start_seconds,
    helpfulness,
    rupture_reported,
    rated_on,
    date_precision = 'year' as is_year_only
from {{ source('raw', 'process_ratings') }}
