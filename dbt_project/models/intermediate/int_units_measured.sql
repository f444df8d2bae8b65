{{ config(materialized='view', tags=['measures']) }}

-- Each family of metrics brings the same columns.
select * from {{ ref('int_forms_measured') }}
