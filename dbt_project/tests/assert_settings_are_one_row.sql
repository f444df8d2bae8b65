-- Models cross join the settings: a second row would double everything.
select count(*) as n_rows
from {{ ref('stg_settings') }}
having count(*) <> 1
