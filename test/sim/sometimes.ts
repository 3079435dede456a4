/**
 * States that a big enough run must have reached (TESTING.md section 3): notes of the core, codes of refusals, and what
 * the world itself counts. One that stays at zero is a blind spot, and fails the run. Not listed, because a correct
 * core never gets there: `already_follows` of Promote and Follow (two leaders of one term), a dial by a diverged follower;
 * and `not_ready` of Recruit (sixteen calls waiting at once), which one run in some thousands sees.
 */
const NOTES = [
  ...["promised", "recruited", "recruiting", "recruit_refused", "chosen", "elected", "election_ended", "promoting"],
  ...["promoted", "established", "decided", "stepped_down", "stopping", "follows", "follow_refused", "streaming"],
  ...["cloning", "swapped", "suspected", "suspected_first_hand", "postgres_exited", "postgres_failed"],
  ...["blocked_founding_incomplete", "blocked_not_enough", "blocked_wiped_node", "saw_cluster"],
  ...["change_asked", "change_joint", "change_proposed", "change_marked", "change_done", "change_refused"],
  ...["change_voided", "change_abandoned", "change_waits", "change_needless", "change_left_undecided"],
  ...["paused", "resumed", "switchover_asked", "failover_asked", "handover_refused", "draining", "drained"],
  ...["switchover_failed", "blocked_paused"],
  ...["found_voided", "replaces_wiped", "seated", "released", "outside", "inside"],
  ...["lease_awaited", "lease_not_held", "lease_lost", "needs_catch_up", "catch_up_failed"],
].map((mark) => `note ${mark}`);

const REFUSALS = [
  ...["recruit stale_term", "recruit promised_to_another", "recruit already_follows", "recruit stopping"],
  ...["promote not_promised", "promote promotion_already_started"],
  ...["promote not_ready", "promote stopping", "follow stale_term", "follow stopping"],
  ...["follow incarnation_unknown", "follow non_voter"],
].map((code) => `refusal ${code}`);

const WORLD = [
  ...["request_lost", "request_again", "answer_lost", "answer_again", "peer_lost", "died_between_effects"],
  ...["state_write_lost", "start_refused_torn_state", "fatal_state_file", "emergency_fence", "unflushed_tail_torn"],
  ...["died_with_waiters", "commit_cancelled", "waited_for_replay", "promotion_swallowed", "clone_interrupted"],
  ...["swap_finished_after_crash", "slot_busy", "slot_missing", "cascade", "standby_opens"],
  ...["operation_failed_before promote", "operation_failed_after promote", "operation_failed_after swap"],
  ...["operation_failed_after revoke", "operation_failed_after write_record", "damage data_lost", "damage wiped"],
  ...["damage restored", "note from_the_past", "note peer_from_the_past", "note caught_up_from_the_past"],
  ...["damage state_torn", "write_refused", "write_unknown", "write_acknowledged", "read_from_leader"],
  ...["read_from_standby", "read_in_an_old_session", "two_open_leaders", "chosen_but_never_established"],
  ...["two_coordinators", "established_after_another", "leader_again", "established_by_all_but_one"],
  ...["promoted_but_never_established", "diverged_tail_dropped", "progress_after_healing", "silence_without_a_core"],
  ...["no_core_left", "founded_under_fire", "change done", "change refused", "change voided", "change unknown"],
  ...["joint_rule_in_force", "acknowledged_under_a_joint_rule", "found_undecided_finished", "leader_removed"],
  ...["order done", "order failed", "order refused", "order unknown", "operation_failed_after drain"],
  ...["restart done", "restart refused", "restart unknown", "restarted_a_leader", "operation_failed_after stop"],
  ...["restart_refused commits_would_wait", "restart_refused no_leader"],
  ...["wiped_node_put_back", "observer_streams", "caught_up", "follower_put_out"],
  ...["lease_waited_out", "lease_over_by_then", "lease_released_first_hand", "lease_of_a_recruited_leader"],
  ...["lease_of_an_unknown_leader_waited_for", "lease_under_a_joint_rule", "leader_yields"],
  ...["established_with_leases_under_several_rulesets", "void_written_with_leases", "change_done_with_leases"],
  ...["found_undecided_finished_with_leases", "emergency_fence_asked", "fenced_behind_an_operation", "fuse_burnt"],
  ...["orphans_left", "fence_took_long", "stale_read", "stale_after_a_thaw", "stale_beyond_the_clocks_bound"],
  ...["action suspend", "action pause_postgres", "action clock_jump", "change_of demote"],
  ...["witness_recruited", "witness_grants_a_lease", "caught_up_from_a_witness", "caught_up_from_an_ineligible"],
  ...["led_after_a_catch_up", "rewound", "rewind_interrupted", "rewind_refused", "note rewound", "note rewinding"],
  ...["note rewind_awaited", "note clone_instead_of_rewind"],
  ...["adopted_leader", "adopted_follower", "leader_adopted_under_a_lease"],
  ...["killed_leader_adopted_under_its_lease", "leader_adopted_after_a_change"],
  ...["note not_adopted", "note leaving", "note not_left"],
  ...["policy", "grow", "shrink", "swap", "remove_leader", "eligibility", "disjoint", "anything"].map(
    (what) => `change_of ${what}`,
  ),
  ...["not_leader", "change_under_way", "invalid_ruleset", "not_enforceable", "not_connected", "paused"].map(
    (code) => `change_refused ${code}`,
  ),
];

export const LISTED: readonly string[] = [...NOTES, ...REFUSALS, ...WORLD];

export function unhit(marks: Readonly<Record<string, number>>): string[] {
  return LISTED.filter((mark) => (marks[mark] ?? 0) === 0);
}
