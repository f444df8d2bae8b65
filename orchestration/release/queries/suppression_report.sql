-- Counts of cells to 5 and the share to a hundredth: exact ones would tell how many cells are hidden
-- for another's sake.
select
    table_name,
    cast(5 * round(n_cells / 5.0) as bigint) as n_cells,
    cast(5 * round(n_hidden / 5.0) as bigint) as n_hidden,
    cast(5 * round(n_kept / 5.0) as bigint) as n_kept,
    round(information_lost_share, 2) as information_lost_share
from (
    select * from benchmark.suppression
    union all by name
    select * from suppressed_measures
) as suppressed
