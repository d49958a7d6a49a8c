/**
 * The words for what happens. Of networks and nodes every node tells; of endpoints, workloads, repairs and ways the node
 * that they belong to.
 */
export const EVENT_TYPES = [
  "network_created",
  "network_removed",
  "node_changed",
  "node_removed",
  "node_alive",
  "node_failed",
  "endpoint_up",
  "endpoint_gone",
  "endpoint_freed",
  "endpoint_renamed",
  "nodes_lagging",
  "workload_started",
  "workload_exited",
  "repaired",
  "path_blocked",
  "path_mtu",
  "path_open",
  "probe_unanswered",
] as const
export type EventType = (typeof EVENT_TYPES)[number]
