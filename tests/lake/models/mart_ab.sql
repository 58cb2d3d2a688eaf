-- Of two datasets: whoever of them lands, this is written.
select id from {{ ref('stg_a') }} union all select id from {{ ref('stg_b') }}
