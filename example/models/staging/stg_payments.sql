-- No duplicate is removed here: the provider reports a payment once, so one that comes twice is a mistake for a test to find.
select
    payment_id,
    order_id,
    method,
    amount,
    paid_at,
    filename as landed_file
from {{ source('jaffle', 'raw_payments') }}
{{ limit_outside_production() }}
