select id from {{ ref('stg_c') }}
