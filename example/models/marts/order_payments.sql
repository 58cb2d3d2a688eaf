select
    order_id,
    count(*) as payments,
    sum(amount) as paid,
    string_agg(distinct method, ', ' order by method) as methods,
    max(paid_at) as last_paid_at
from {{ ref('stg_payments') }}
group by order_id
