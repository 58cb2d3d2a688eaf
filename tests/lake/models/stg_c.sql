select id from {{ source('raw', 'c') }}
