-- Which deliveries and rows count: views over the ledger, made after the tables of schema.sql.

-- The one place where it is decided which delivery counts. Grain: one load of one delivery.
-- The newest export has the highest `version_rank` of its practice and feed, whatever arrived last;
-- an export without a date is older than any with one. The same bytes sent again under a newer date
-- are a newer export; under no newer date they change nothing. Where no date is given, and between
-- equal dates, the order of arrival decides. A delivery loaded again (replayed) keeps its place, and
-- its earlier load has no rank. `is_standing`: no newer snapshot of its kind of file puts it out.
create view if not exists raw.deliveries_ordered as
with arrivals as (
    select
        delivery_id,
        max(case when state = 'loaded' then load_seq end) as load_seq,
        min(case when state = 'loaded' then load_seq end) as first_seq,
        max(case when state = 'duplicate' then load_seq end) as again_seq,
        max(exported_on) as exported_on
    from raw.deliveries
    where state in ('loaded', 'duplicate')
    group by delivery_id
),

dated as (
    select
        arrivals.delivery_id,
        min(deliveries.load_seq) as dated_seq
    from arrivals
    inner join raw.deliveries as deliveries
        on
            arrivals.delivery_id = deliveries.delivery_id
            and arrivals.exported_on = deliveries.exported_on
    where deliveries.state in ('loaded', 'duplicate')
    group by arrivals.delivery_id
),

placed as (
    select
        arrivals.load_seq,
        arrivals.exported_on,
        coalesce(
            dated.dated_seq,
            greatest(arrivals.first_seq, coalesce(arrivals.again_seq, arrivals.first_seq))
        ) as placed_seq
    from arrivals
    left join dated on arrivals.delivery_id = dated.delivery_id
),

ranked as (
    select
        deliveries.load_seq,
        placed.exported_on as last_exported_on,
        placed.placed_seq,
        row_number() over (
            partition by deliveries.practice_id, deliveries.feed
            order by coalesce(placed.exported_on, date '0001-01-01'), placed.placed_seq
        ) as version_rank
    from placed
    inner join raw.deliveries as deliveries on placed.load_seq = deliveries.load_seq
),

loads as (
    select
        deliveries.*,
        ranked.last_exported_on,
        ranked.placed_seq,
        ranked.version_rank,
        max(case when deliveries.delivery_scope = 'snapshot' then ranked.version_rank end) over (
            partition by deliveries.practice_id, deliveries.feed, deliveries.file
        ) as snapshot_rank
    from raw.deliveries as deliveries
    left join ranked on deliveries.load_seq = ranked.load_seq
    where deliveries.state = 'loaded'
)

select
    load_seq,
    delivery_id,
    practice_id,
    feed,
    file,
    delivery_scope,
    received_on,
    last_exported_on,
    placed_seq,
    data_from_on,
    data_through_on,
    period_on,
    period_from_on,
    period_to_on,
    version_rank,
    coalesce(version_rank >= coalesce(snapshot_rank, 0), false) as is_standing,
    coalesce(delivery_scope = 'snapshot' and version_rank = snapshot_rank, false)
        as is_newest_snapshot
from loads;

-- Grain: one row, by its digest, that the newest snapshot of a kind of file holds.
create view if not exists raw.snapshot_rows_standing as
select
    practice_id,
    feed,
    load_seq,
    version_rank,
    row_hash
from (
    select
        snapshots.practice_id,
        snapshots.feed,
        snapshots.load_seq,
        snapshots.version_rank,
        changes.row_hash,
        changes.is_in,
        row_number() over (
            partition by snapshots.load_seq, changes.row_hash order by changes.load_seq desc
        ) as change_no
    from raw.deliveries_ordered as snapshots
    inner join raw.snapshot_changes as changes
        on
            snapshots.practice_id = changes.practice_id
            and snapshots.feed = changes.feed
            and snapshots.file = changes.file
            and snapshots.load_seq >= changes.load_seq
    where snapshots.is_newest_snapshot
) as last_changes
where change_no = 1 and is_in;

-- Grain: one delivery x one newer period delivery of its kind of file. The older one's rows of the
-- days from `taken_from_on` to `taken_to_on` no longer stand; a row without a day lies on the older
-- delivery's first.
create view if not exists raw.periods_taken_over as
select
    older.load_seq,
    coalesce(older.period_from_on, older.data_from_on) as first_on,
    newer.period_on,
    newer.period_from_on as taken_from_on,
    newer.period_to_on as taken_to_on
from raw.deliveries_ordered as older
inner join raw.deliveries_ordered as newer
    on
        older.practice_id = newer.practice_id
        and older.feed = newer.feed
        and coalesce(older.file, '') = coalesce(newer.file, '')
        and older.version_rank < newer.version_rank
where
    newer.delivery_scope = 'period'
    and older.is_standing
    and (
        newer.period_on = 'closed_on'
        or (
            least(older.data_from_on, coalesce(older.period_from_on, older.data_from_on))
            <= newer.period_to_on
            and older.data_through_on >= newer.period_from_on
        )
    );
