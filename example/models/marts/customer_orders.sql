-- Needs loads of two datasets: orders and customers. It waits until both have landed once.
select
    customers.customer_id,
    customers.name,
    customers.email,
    customers.account_id,
    count(orders.order_id) as orders,
    coalesce(sum(orders.total) filter (where orders.is_sale), 0) as lifetime_value,
    min(orders.ordered_at) as first_ordered_at,
    max(orders.ordered_at) as last_ordered_at
from {{ ref('dim_customers') }} as customers
left join {{ ref('fct_orders') }} as orders using (customer_id)
group by all
