{#
  dbt run-operation load_accounts

  Copies the sales team's account list from s3://<landing bucket>/accounts/ into the table crm.accounts. One statement
  replaces the whole table. A second run gives the same table, and if a file cannot be read, the old table stays.
#}
{% macro load_accounts() %}
  {% set files = "s3://" ~ env_var('LANDING_BUCKET') ~ "/accounts/*.csv" %}
  {% do run_query("create schema if not exists crm") %}
  {% do run_query(
    "create or replace table crm.accounts as
    select account_id, company, segment, contact_email, opened_on, filename as landed_file
    from read_csv('" ~ files ~ "', header=true, delim=',', quote='\"', escape='\"', files_to_sniff=1, filename=true,
      types={'account_id': 'integer', 'company': 'varchar', 'segment': 'varchar', 'contact_email': 'varchar', 'opened_on': 'date'})"
  ) %}
  {% set loaded = run_query("select count(*) from crm.accounts").columns[0].values()[0] %}
  {% do log("crm.accounts holds " ~ loaded ~ " accounts from " ~ files, info=true) %}
{% endmacro %}
