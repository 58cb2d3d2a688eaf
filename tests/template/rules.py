"""The rules for the translated template.

They hold for all parameters. A rule takes a resolved template and yields problems.

Rules cover what no emulator shows: who may pass which role, what is public, which hop could lose an event.
"""

from collections.abc import Callable, Iterator

import delivery_rules
import exposure_rules
import permission_rules
from template_queries import Finding, Template

RULES: list[Callable[[Template], Iterator[Finding]]] = [
    permission_rules.each_function_has_its_own_role,
    permission_rules.no_right_is_unbounded,
    permission_rules.each_statement_has_a_name,
    permission_rules.roles_are_passed_by_name_to_one_service,
    permission_rules.tasks_run_in_one_family_and_cluster,
    permission_rules.only_services_assume_roles,
    permission_rules.task_never_writes_where_data_lands,
    permission_rules.each_right_has_the_rights_it_needs,
    permission_rules.the_sweep_reads_what_it_deletes,
    exposure_rules.buckets_are_private,
    exposure_rules.buckets_outlive_the_stack,
    exposure_rules.nothing_is_reachable_from_outside,
    delivery_rules.no_hop_loses_an_event,
    delivery_rules.queue_hides_messages_long_enough,
    delivery_rules.logs_have_a_retention,
    exposure_rules.no_secret_is_readable,
    exposure_rules.nothing_costs_money_while_idle,
    exposure_rules.docs_access_follows_the_parameter,
    delivery_rules.every_alarm_notifies_and_every_hop_has_one,
    delivery_rules.each_alarm_can_fire,
    exposure_rules.created_network_reaches_the_internet,
    exposure_rules.several_stacks_fit_into_an_account,
    permission_rules.boundary_and_path_apply_to_every_role,
    permission_rules.only_pushed_images_of_one_repository_are_pulled,
]
