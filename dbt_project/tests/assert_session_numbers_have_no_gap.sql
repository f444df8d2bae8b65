-- Numbers of an episode run from 1 to its number of attended treatment sessions.
select
    client_key,
    episode_key
from {{ ref('int_sessions_numbered') }}
where session_no is not null
group by client_key, episode_key
having max(session_no) <> count(*) or min(session_no) <> 1 or min(n_sessions_after) <> 0
