{#
  Writes one row about this invocation into the table dbt_invocations, so that a query of the warehouse shows when it was last built.

  on-run-end hooks also run for test, compile and docs generate. These get no row, because they build nothing and
  some of them must not write.
#}
{% macro record_invocation(results) -%}
  {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'snapshot') -%}
    {%- set failed = results | selectattr('status', 'in', ['error', 'fail']) | list -%}
    create schema if not exists {{ target.schema }};
    create table if not exists {{ target.schema }}.dbt_invocations (
      invocation_id varchar primary key,
      command varchar,
      target varchar,
      started_at timestamp,
      nodes integer,
      failed_nodes integer
    );
    insert or ignore into {{ target.schema }}.dbt_invocations values (
      '{{ invocation_id }}',
      '{{ flags.WHICH }}',
      '{{ target.name }}',
      timestamp '{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S") }}',
      {{ results | length }},
      {{ failed | length }}
    );
  {%- endif -%}
{%- endmacro %}
