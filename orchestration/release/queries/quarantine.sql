-- Rows set aside, and whether somebody still has to mend them. An entry is closed once its delivery
-- no longer counts (a newer snapshot, the same days sent again, loaded again), or once the form,
-- session, episode or rating it was to become came in a newer export and was accepted. One whose ids
-- could not be read is closed by a person.
with accepted as (
    select
        'episodes' as feed,
        load_seq,
        episode_key as unit_key
    from raw.episodes
    union all
    select
        'sessions' as feed,
        load_seq,
        session_key as unit_key
    from raw.sessions
    union all
    select
        'administrations' as feed,
        load_seq,
        form_key as unit_key
    from raw.administrations
    union all
    select
        'process_ratings' as feed,
        load_seq,
        rating_key as unit_key
    from raw.process_ratings
),

mended as (
    select distinct
        failed.feed,
        failed.load_seq,
        failed.unit_key
    from quality.quarantine as failed
    inner join accepted
        on failed.feed = accepted.feed and failed.unit_key = accepted.unit_key
    inner join raw.deliveries_ordered as failed_order
        on failed.load_seq = failed_order.load_seq
    inner join raw.deliveries_ordered as accepted_order
        on accepted.load_seq = accepted_order.load_seq
    where accepted_order.version_rank > failed_order.version_rank
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
    and sent_again.load_seq is null
    and closed.load_seq is null as is_open
from quality.quarantine as failed
left join raw.deliveries_ordered as ordered on failed.load_seq = ordered.load_seq
left join mended
    on
        failed.feed = mended.feed
        and failed.load_seq = mended.load_seq
        and failed.unit_key = mended.unit_key
left join sent_again on failed.load_seq = sent_again.load_seq
left join quality.quarantine_closings as closed
    on failed.load_seq = closed.load_seq and failed.row_no = closed.row_no
