/** Networks, and what is asked of them. */
import type { CodeTable } from "./row.ts"

export const NETWORK_CODES = {
  network_not_found: {
    kinds: ["not_found"],
    means: "There is no network of that name or id.",
    causes: "A misspelt name, a network that was removed, or the daemon of another cluster was asked.",
    remedy: "`ovl network ls` lists them.",
  },
  network_name_taken: {
    kinds: ["conflict"],
    means: "A network of that name exists.",
    causes: "Names are unique without regard to case: `Red` is `red`.",
    remedy: "Choose another name, or use the one that is there.",
  },
  network_in_use: {
    kinds: ["conflict"],
    means: "The network still has endpoints.",
    causes: "Workloads on it run somewhere in the cluster; the message names some.",
    remedy: "Stop or detach them (`ovl endpoint ls --network NAME`), or remove the network with --force.",
  },
  networks_exhausted: {
    kinds: ["conflict"],
    means: "The cluster has as many networks as it can have.",
    causes: "Networks that nobody uses any more.",
    remedy: "`ovl network prune` removes those without endpoints.",
  },
  vni_taken: {
    kinds: ["conflict"],
    means: "Another network has that VNI.",
    causes: "--vni with a number that was given already.",
    remedy: "Leave --vni out to get the next free one.",
  },
  vnis_exhausted: {
    kinds: ["conflict"],
    means: "No VNI is free.",
    causes: "Sixteen million networks.",
    remedy: "Remove networks that are not used.",
  },
  vni_taken_on_host: {
    kinds: ["conflict"],
    means: "Another vxlan device on this host has the VNI and the port.",
    causes: "Docker, flannel or a device made by hand; the message says which and in what namespace.",
    remedy: "Remove it, or create the network with another --vni.",
  },
  subnets_exhausted: {
    kinds: ["conflict"],
    means: "No subnet is left to be chosen for a network.",
    causes: "Subnets are taken from 10.0.0.0/8 where none is named.",
    remedy: "Name one with --subnet: networks may have the same.",
  },
  subnet_overlap: {
    kinds: ["conflict"],
    means: "A subnet overlaps what a workload on that network would also have.",
    causes:
      "It overlaps another --subnet of the same network; or the egress bridge of a node, by default 172.18.0.0/16, so that replies could not be told apart.",
    remedy: "Choose another subnet; where it is the bridge's, a network that is --internal has no egress.",
  },
  mtu_too_large: {
    kinds: ["invalid"],
    means: "The MTU is more than a node's underlay carries with VXLAN around it.",
    causes: "VXLAN takes 50 bytes of each packet, 70 over IPv6.",
    remedy: "The hint has the largest that every node carries; leave --mtu out to get it.",
  },
  addresses_exhausted: {
    kinds: ["conflict"],
    means: "The network's subnets, or their --ip-range, have no free address.",
    causes: "As many endpoints as addresses.",
    remedy: "Detach endpoints, or create a network with a larger subnet.",
  },
  address_taken: {
    kinds: ["conflict"],
    means: "The address belongs to somebody else.",
    causes: "An endpoint of that network has it, or, for a node, another node advertises it.",
    remedy: "Leave the address out to get a free one; give each node its own --advertise.",
  },
  mac_taken: {
    kinds: ["conflict"],
    means: "An endpoint of that network has the MAC.",
    causes: "--mac with one that was given before.",
    remedy: "Leave --mac out to get one that follows from the address.",
  },
  macs_exhausted: {
    kinds: ["failed"],
    means: "No MAC was found for an address.",
    causes: "Somebody gave MACs by hand that follow from other addresses.",
    remedy: "Ask for one with --mac.",
  },
  no_shared_network: {
    kinds: ["conflict"],
    means: "The two workloads have no network in common.",
    causes: "They are isolated from each other, as they should be.",
    remedy: "Put one of them on a network of the other: `ovl network connect NETWORK WORKLOAD`.",
  },
  family_missing: {
    kinds: ["invalid"],
    means: "One of the two has no address of the family that was asked for.",
    causes: "The network has no subnet of that family.",
    remedy: "Leave out -4 or -6, or make the network with a subnet of both.",
  },
  pairs_too_many: {
    kinds: ["invalid"],
    means: "The network has more pairs than are pinged in one go.",
    causes: "Each of n endpoints to each other one is n times n - 1.",
    remedy: "Ping single pairs: `ovl ping NAME NAME`.",
  },
  ping_busy: {
    kinds: ["unavailable"],
    means: "Too many pings are under way in this cluster.",
    causes: "Several people or a script with many at once.",
    remedy: "Try again in a few seconds.",
  },
  packets_lost: {
    kinds: ["failed"],
    means: "Not every ping was answered.",
    causes: "The way between the two nodes is blocked, the workload's own firewall drops it, or it is just starting.",
    remedy: "`ovl doctor` looks at the ways between the nodes; `ovl endpoint inspect NAME` shows where each one is.",
  },
  ping_too_long: {
    kinds: ["usage"],
    means: "The pings would take longer than a ping may.",
    causes: "--count times --interval is too much.",
    remedy: "Ask for fewer, or at a shorter interval.",
  },
} as const satisfies CodeTable
