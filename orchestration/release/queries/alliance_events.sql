-- What noise alone would have shown stands beside what was observed only where that is shown: it is
-- worked out over all closed periods together.
select
    shown.*,
    case when not starts_with(shown.metric, 'unrepaired_') then shown.valued_share end
        as eligible_share,
    case when starts_with(shown.metric, 'unrepaired_') then round(1 - shown.valued_share, 2) end
        as open_share,
    case when shown.value is not null then round(drops.expected_share, 2) end as expected_share
from shown_metrics as shown
left join benchmark.marked_drops as drops
    on
        shown.practice_id = drops.practice_id
        and shown.site_id = drops.site_id
        and shown.instrument_code = drops.instrument_code
        and shown.version = drops.version
        and shown.language is not distinct from drops.language
        and shown.informant = drops.informant
        and shown.period = drops.period
        and shown.metric = 'marked_drop_' || drops.rule
        and shown.stratum_kind = 'all'
where shown.release_table = 'alliance_events'
