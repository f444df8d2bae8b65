-- Rows set aside, and whether somebody still has to mend them. An entry is closed once its delivery
-- no longer counts (a newer snapshot, the same days sent again, loaded again), or once the form,
-- session or episode it was to become came in a newer export and was accepted.
with accepted as (
    select
        'episodes' as feed,
        failed.load_seq,
        failed.unit_key,
        kept.load_seq as accepted_seq
    from quality.quarantine as failed
    inner join raw.episodes as kept on failed.unit_key = kept.episode_key
    where failed.feed = 'episodes'
    union
    select
        'sessions' as feed,
        failed.load_seq,
        failed.unit_key,
        kept.load_seq as accepted_seq
    from quality.quarantine as failed
    inner join raw.sessions as kept on failed.unit_key = kept.session_key
    where failed.feed = 'sessions'
    union
    select
        'administrations' as feed,
        failed.load_seq,
        failed.unit_key,
        kept.load_seq as accepted_seq
    from quality.quarantine as failed
    inner join raw.administrations as kept on failed.unit_key = kept.form_key
    where failed.feed = 'administrations'
),

mended as (
    select distinct
        accepted.feed,
        accepted.load_seq,
        accepted.unit_key
    from accepted
    inner join raw.deliveries_ordered as failed on accepted.load_seq = failed.load_seq
    inner join raw.deliveries_ordered as kept on accepted.accepted_seq = kept.load_seq
    where kept.version_rank > failed.version_rank
),

sent_again as (
    select distinct taken.load_seq
    from raw.periods_taken_over as taken
    inner join raw.deliveries_ordered as older on taken.load_seq = older.load_seq
    where
        taken.taken_from_on <= older.period_from_on and taken.taken_to_on >= older.period_to_on
)

select
    failed.practice_id,
    failed.delivery_id,
    failed.load_seq,
    failed.feed,
    failed.instrument_code,
    failed.row_no,
    failed.check_id,
    failed.column_name,
    coalesce(ordered.is_standing, true)
    and mended.load_seq is null
    and sent_again.load_seq is null as is_open
from quality.quarantine as failed
left join raw.deliveries_ordered as ordered on failed.load_seq = ordered.load_seq
left join mended
    on
        failed.feed = mended.feed
        and failed.load_seq = mended.load_seq
        and failed.unit_key = mended.unit_key
left join sent_again on failed.load_seq = sent_again.load_seq
