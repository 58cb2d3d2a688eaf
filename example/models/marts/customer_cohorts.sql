-- Reads the whole history. It is tagged nightly, so landfall.yml excludes it from every load.
select
    date_trunc('month', customers.first_ordered_at) as cohort,
    date_diff('month', customers.first_ordered_at, orders.ordered_at) as months_later,
    count(distinct orders.customer_id) as customers,
    sum(orders.total) filter (where orders.is_sale) as revenue
from {{ ref('customer_orders') }} as customers
inner join {{ ref('fct_orders') }} as orders using (customer_id)
group by all
