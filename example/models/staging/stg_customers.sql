select
    customer_id,
    name,
    lower(email) as email,
    phone,
    country_code,
    account_id,
    updated_at,
    filename as landed_file
from {{ source('jaffle', 'raw_customers') }}
qualify row_number() over (partition by customer_id order by updated_at desc, filename desc) = 1
{{ limit_outside_production() }}
