select
    customers.customer_id,
    customers.name,
    customers.email,
    customers.country_code,
    countries.country_name,
    customers.account_id
from {{ ref('stg_customers') }} as customers
left join {{ ref('countries') }} as countries using (country_code)
