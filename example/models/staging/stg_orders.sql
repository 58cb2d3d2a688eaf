-- A later file contains an order again when its status changes. The latest row counts.
select
    order_id,
    customer_id,
    ordered_at,
    status,
    country_code,
    total,
    updated_at,
    filename as landed_file
from {{ source('jaffle', 'raw_orders') }}
qualify row_number() over (partition by order_id order by updated_at desc, filename desc) = 1
{{ limit_outside_production() }}
