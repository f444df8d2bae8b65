-- From the reference tables and not from the declarations: a practice whose declaration is broken
-- keeps its sites there, as it keeps its rows in every other table.
select
    sites.practice_id,
    practices.name as practice_name,
    sites.site_id,
    sites.name as site_name,
    sites.service_setting,
    sites.peer_group,
    sites.open_from,
    sites.open_to,
    coalesce(dated.is_dated_by_year, false) as is_dated_by_year
from reference.sites as sites
inner join reference.practices as practices on sites.practice_id = practices.practice_id
left join marts.dim_practices as dated on sites.practice_id = dated.practice_id
