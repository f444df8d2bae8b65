-- Small cells have no row there. A share of nobody is hidden like one of few: see measures.sql.
with signs as (
    select
        *,
        'careless_flagged_share' as metric,
        flagged_share as share,
        is_too_few(n_clients_flagged) or is_too_few(n_clients_not_flagged) as is_suppressed
    from benchmark.careless_shares
    union all
    select
        *,
        'same_answer_share' as metric,
        same_answer_share as share,
        is_too_few(n_clients_same_answer) or is_too_few(n_clients_not_same_answer) as is_suppressed
    from benchmark.careless_shares
)

select
    practice_id,
    site_id,
    instrument_code,
    version,
    language,
    informant,
    metric,
    'all' as stratum_kind,
    'all' as stratum,
    'all' as period,
    case when not coalesce(is_suppressed, false) then shown_least(n_clients) end
        as n_clients_at_least,
    case when not is_suppressed then shown_share(share, n_clients) end as value,
    null_reason,
    coalesce(is_suppressed, false) as is_suppressed,
    case when is_suppressed then shown_reason() end as suppression_reason
from signs
