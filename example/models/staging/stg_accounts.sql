select
    account_id,
    company,
    segment,
    lower(contact_email) as contact_email,
    opened_on
from {{ source('crm', 'accounts') }}
