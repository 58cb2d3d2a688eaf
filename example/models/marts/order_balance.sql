-- Needs loads of two datasets: orders and payments.
with amounts as (
    select
        orders.order_id,
        orders.customer_id,
        orders.status,
        case when orders.is_sale then orders.total else 0 end as due,
        coalesce(payments.paid, 0) as paid
    from {{ ref('fct_orders') }} as orders
    left join {{ ref('order_payments') }} as payments using (order_id)
)

select
    *,
    due - paid as balance,
    due <= paid as is_settled
from amounts
