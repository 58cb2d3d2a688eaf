{{ config(materialized='incremental', unique_key='order_id', incremental_strategy='delete+insert', on_schema_change='append_new_columns') }}

-- Keeps every order, also after its file has left the landing bucket. Each load reads all landed rows again, and each
-- row replaces its order unless it is older than the stored one. So it does not matter how often a file is read, or in
-- which order files land.
select
    orders.order_id,
    orders.customer_id,
    orders.ordered_at,
    orders.status,
    orders.status not in ('cancelled', 'returned') as is_sale,
    orders.country_code,
    countries.country_name,
    countries.region,
    orders.total,
    orders.updated_at
from {{ ref('stg_orders') }} as orders
left join {{ ref('countries') }} as countries using (country_code)
{% if is_incremental() %}
where not exists (
    select 1
    from {{ this }} as known
    where known.order_id = orders.order_id and known.updated_at > orders.updated_at
)
{% endif %}
