/**
 * What a lab is made of: hosts on one underlay, an outside, networks and workloads. The built-in one is the article's:
 * two hosts, two networks with the same subnet, two workloads on each.
 */

export interface LabHost {
  name: string
  /** On the underlay, with prefix length. */
  address: string
  role: "server" | "client"
}

export interface LabWorkload {
  name: string
  host: string
  network: string
}

export interface LabNetwork {
  name: string
  subnet: string
}

export interface Topology {
  name: string
  kvPrefix: string
  hosts: LabHost[]
  /** A host that stands for the internet: it knows the underlay and no container address. */
  outside: { name: string; underlay: string; address: string }
  networks: LabNetwork[]
  workloads: LabWorkload[]
}

export const RED_GREEN: Topology = {
  name: "red-green",
  kvPrefix: "swarm",
  hosts: [
    { name: "swarm-01", address: "192.168.1.51/24", role: "server" },
    { name: "swarm-02", address: "192.168.1.52/24", role: "client" },
  ],
  outside: { name: "outside", underlay: "192.168.1.254/24", address: "203.0.113.1/32" },
  networks: [
    { name: "red", subnet: "10.65.10.0/24" },
    { name: "green", subnet: "10.65.10.0/24" },
  ],
  workloads: [
    { name: "namespace_01", host: "swarm-01", network: "red" },
    { name: "namespace_03", host: "swarm-02", network: "red" },
    { name: "namespace_02", host: "swarm-01", network: "green" },
    { name: "namespace_04", host: "swarm-02", network: "green" },
  ],
}

/** An address without its prefix length. */
export function bare(address: string): string {
  return address.split("/")[0] ?? address
}
