select
    ordered_at::date as day,
    region,
    count(*) as orders,
    count(*) filter (where is_sale) as sales,
    coalesce(sum(total) filter (where is_sale), 0) as revenue
from {{ ref('fct_orders') }}
group by all
