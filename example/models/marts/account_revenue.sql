-- Needs loads of three datasets: the account list, customers and orders.
select
    accounts.account_id,
    accounts.company,
    accounts.segment,
    count(customers.customer_id) as customers,
    coalesce(sum(customers.orders), 0)::bigint as orders,
    coalesce(sum(customers.lifetime_value), 0) as revenue
from {{ ref('stg_accounts') }} as accounts
left join {{ ref('customer_orders') }} as customers using (account_id)
group by all
