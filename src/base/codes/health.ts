/** What `ovl status` and `ovl doctor` find in a cluster that runs. */
import type { CodeTable } from "./row.ts"

export const HEALTH_CODES = {
  kernel_not_in_sync: {
    kinds: [],
    problem: "error",
    means: "What is in this node's kernel is not what the cluster says, and could not be repaired yet.",
    causes: "Another program removed or changed a device of ovl, or the kernel refuses something.",
    remedy: "ovl tries again by itself; `ovl doctor` and the daemon's log say what is refused.",
  },
  network_too_wide: {
    kinds: [],
    problem: "warning",
    means: "The MTU of a network is more than a node carries by now.",
    causes: "The underlay of that node became narrower, or a narrower node joined.",
    remedy: "Widen that node's underlay, or make the network anew without --mtu.",
  },
  path_too_narrow: {
    kinds: [],
    problem: "warning",
    means: "The way to another node carries less than this host sends.",
    causes: "A tunnel or a router between with a smaller MTU.",
    remedy: "Make it known with `ip route replace ... mtu N`, or lower the device's MTU.",
  },
  node_failed: {
    kinds: [],
    problem: "warning",
    means: "A node is not heard from.",
    causes: "Its host or its daemon is down, or the network to it is cut. Its workloads may run on.",
    remedy: "Start its daemon; if it is gone for good, `ovl node rm NAME`.",
  },
  voter_lost: {
    kinds: [],
    problem: "error",
    means: "A server that has a vote is not heard from.",
    causes: "Its host or its daemon is down, or the way to it is cut.",
    remedy: "Start it; if it is gone for good, `ovl raft rm NAME`, and add another with `ovl join --server`.",
  },
  learner_lagging: {
    kinds: [],
    problem: "warning",
    means: "A new server has no vote yet as it lacks too much of the store.",
    causes: "It has just joined, its disk or its link is slow, or it is down.",
    remedy: "It gets its vote by itself; start its daemon if it is down.",
  },
  single_server: {
    kinds: [],
    problem: "warning",
    means: "The store is on one server only; with it goes the cluster.",
    causes: "That is how a cluster begins.",
    remedy:
      "Add two servers with `ovl join --server`, or keep copies with `ovl snapshot save`. A single server is healthy.",
  },
  even_voters: {
    kinds: [],
    problem: "warning",
    means: "An even number of servers votes: no more may be lost than with one less.",
    causes: "A server was added or taken out.",
    remedy: "Add one more, or take one out.",
  },
  egress_subnet_clash: {
    kinds: [],
    problem: "warning",
    means: "A route of this host overlaps the subnet of the egress bridge.",
    causes: "A VPN or a network that came later.",
    remedy: "Remove the route; without workloads that have egress, ovl takes another subnet by itself.",
  },
  names_not_served: {
    kinds: [],
    problem: "error",
    means: "The workloads of a network get no answers about names on this node.",
    causes: "Port 53 on the gateway's address cannot be listened on.",
    remedy: "ovl tries again by itself; the daemon's log says why it fails.",
  },
  vtep_missing: {
    kinds: [],
    problem: "error",
    means: "No interface of this host has the address that this node advertises.",
    causes: "DHCP gave another one, or the interface is gone.",
    remedy: "Give the host that address, or start the daemon with another --advertise.",
  },
  path_blocked: {
    kinds: [],
    problem: "error",
    means: "VXLAN packets do not pass in the direction that the message names.",
    causes: "A firewall on either host, a security group or the network between drops UDP port 4789.",
    remedy: "Let UDP 4789 pass in that direction; `ovl doctor` looks again.",
  },
  networks_overlap: {
    kinds: [],
    problem: "warning",
    means: "A workload is on two networks whose subnets overlap, and has one table of routes for both.",
    causes:
      "`run --network red,green`, `network connect` or a second `attach` in one namespace, where both have 10.65.10.0/24.",
    remedy: "A workload for each network; or make one of the networks anew with another --subnet.",
  },
  path_mtu: {
    kinds: [],
    problem: "error",
    means: "Full-size VXLAN packets are lost, small ones pass.",
    causes: "Something between has a smaller MTU than the hosts.",
    remedy: "Let the network carry them, or make the MTU known as the hint says.",
  },
  probe_unanswered: {
    kinds: [],
    problem: "error",
    means: "A node answers no probe, and its daemon cannot be asked why.",
    causes: "It is down, or everything to it is blocked.",
    remedy: "`ovl node ls` shows who is heard from; start its daemon.",
  },
  probe_busy: {
    kinds: ["conflict"],
    means: "Another probe of the ways between nodes is under way.",
    causes: "`ovl doctor` runs elsewhere, or a node is just joining.",
    remedy: "Try again in a few seconds.",
  },
  probe_too_many: {
    kinds: ["invalid"],
    means: "A round of probes has too many nodes.",
    causes: "A program that uses the API.",
    remedy: "Ask for fewer at once.",
  },
} as const satisfies CodeTable
