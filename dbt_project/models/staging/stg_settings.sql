select
    minimum_clients,
    opening_sessions,
    developing_until_session,
    ending_sessions,
    link_days,
    data_complete_within_days
from {{ source('reference', 'settings') }}
