{#
  Ends a query with a limit, except where target.name is prod. A developer who works against a full landing bucket
  should not wait for all of its rows. ROW_LIMIT sets the number of rows; 10,000 if unset.
#}
{% macro limit_outside_production() -%}
  {%- if target.name != 'prod' -%}
    limit {{ env_var('ROW_LIMIT', '10000') | int }}
  {%- endif -%}
{%- endmacro %}
