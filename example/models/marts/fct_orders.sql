{{ config(materialized='incremental', unique_key='order_id', incremental_strategy='delete+insert', on_schema_change='append_new_columns') }}

-- Keeps every order ever seen, also after its file has left the landing bucket. Every landed row is offered again at each load and
-- replaces its order, so it does not matter how often a file is read, or in which order files land. Only a row older than what is
-- already known stays out.
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
