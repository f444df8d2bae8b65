select
    administration_row,
    item_no,
    value
from {{ source('raw', 'answers') }}
