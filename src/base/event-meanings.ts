/** What each type of event means, for the reference pages. */
import type { EventType } from "./event-types.ts"

export const EVENT_MEANINGS: Readonly<Record<EventType, string>> = {
  network_created: "A network was created",
  network_removed: "A network was removed",
  node_changed: "A node joined, or something about it changed: its address, its role",
  node_removed: "A node left or was removed",
  node_alive: "A node is heard from again",
  node_failed: "A node is not heard from any more",
  endpoint_up: "An endpoint of this node is in the kernel and can be reached",
  endpoint_gone: "An endpoint of this node was taken away",
  endpoint_freed: "An endpoint of this node was freed, as its namespace or its workload is no more",
  endpoint_renamed: "The interface of an endpoint of this node has another name",
  nodes_lagging: "Other nodes have not programmed a change in time",
  workload_started: "A workload of this node began",
  workload_exited: "The command of a workload of this node ended",
  repaired: "Something of ovl's in this host's kernel was missing or changed, and was put right",
  path_blocked: "VXLAN does not pass between this node and another one, in the direction named",
  path_mtu: "Full-size frames are lost on the way to another node, or from it",
  path_open: "A way that was blocked is open again",
  probe_unanswered: "A node answers no probe of the ways",
}
