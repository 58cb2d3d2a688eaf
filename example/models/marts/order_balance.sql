-- Needs two loads: orders and payments.
select
    orders.order_id,
    orders.customer_id,
    orders.status,
    case when orders.is_sale then orders.total else 0 end as owed,
    coalesce(payments.paid, 0) as paid,
    owed - paid as balance,
    balance <= 0 as is_settled
from {{ ref('fct_orders') }} as orders
left join {{ ref('order_payments') }} as payments using (order_id)
