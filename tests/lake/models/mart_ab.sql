-- Both datasets lead to this model, so each load of either builds it.
select id from {{ ref('stg_a') }} union all select id from {{ ref('stg_b') }}
