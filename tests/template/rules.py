"""What must hold of the translated template whatever the parameters are: each rule takes a resolved template and gives what is wrong.

These hold what no emulator shows: who may pass which role, what is public, which hop could lose an event.
"""

from collections.abc import Callable, Iterator

import rules_of_exposure
import rules_of_hops
import rules_of_rights
from reading import Finding, Template

RULES: list[Callable[[Template], Iterator[Finding]]] = [
    rules_of_rights.each_function_has_its_own_role,
    rules_of_rights.no_right_is_unbounded,
    rules_of_rights.each_statement_has_a_name,
    rules_of_rights.roles_are_passed_by_name_to_one_service,
    rules_of_rights.tasks_run_in_one_family_and_cluster,
    rules_of_rights.only_services_assume_roles,
    rules_of_rights.task_never_writes_where_data_lands,
    rules_of_rights.each_right_has_what_it_is_no_use_without,
    rules_of_rights.the_sweep_reads_what_it_deletes,
    rules_of_exposure.buckets_are_private,
    rules_of_exposure.buckets_outlive_the_stack,
    rules_of_exposure.nothing_is_reachable_from_outside,
    rules_of_hops.no_hop_loses_an_event,
    rules_of_hops.queue_hides_messages_long_enough,
    rules_of_hops.logs_end,
    rules_of_exposure.no_secret_stands_in_the_open,
    rules_of_exposure.nothing_is_there_to_be_paid_while_idle,
    rules_of_exposure.docs_are_shown_only_to_whom_the_parameter_says,
    rules_of_hops.every_alarm_is_told_and_every_hop_has_one,
    rules_of_hops.each_alarm_can_fire,
    rules_of_exposure.its_own_network_leads_out,
    rules_of_exposure.several_stacks_fit_into_an_account,
    rules_of_rights.the_account_s_rules_hold_for_every_role,
    rules_of_rights.only_pushed_images_of_one_repository_are_pulled,
]
