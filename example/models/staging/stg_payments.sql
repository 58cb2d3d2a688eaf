-- Duplicates are not removed. The provider reports each payment once, so a payment that arrives twice is an error that
-- a test must find.
select
    payment_id,
    order_id,
    method,
    amount,
    paid_at,
    filename as landed_file
from {{ source('jaffle', 'raw_payments') }}
{{ limit_outside_production() }}
