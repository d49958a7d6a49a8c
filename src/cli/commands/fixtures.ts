/** One of each thing that a daemon answers with, for the tests of the commands. */
import type { EndpointView } from "../../model/endpoint.ts"
import type { NetworkView } from "../../model/network.ts"
import type { NodeView, StatusView, TokenView } from "../../model/node.ts"
import type { WorkloadView } from "../../model/workload.ts"

export const ID = "249690033b4f5c1e".repeat(4)

export const ENDPOINT: EndpointView = {
  id: "e".repeat(64),
  name: "namespace_01",
  network: "red",
  node: "swarm-01",
  vtep: "192.168.1.51",
  ip: "10.65.10.2/24",
  ip6: null,
  mac: "02:42:0a:41:0a:02",
  ifname: "eth0",
  netns: "/run/netns/namespace_01",
  egress: { ifname: "eth1", ip: "172.18.0.2/16", gateway: "172.18.0.1", ip6: null, gateway6: null },
  ports: [],
  state: "up",
  created: "2026-03-01T11:00:00Z",
}

export const RED: NetworkView = {
  id: ID,
  name: "red",
  tenant: "default",
  driver: "overlay",
  scope: "global",
  vni: 256,
  subnets: [{ subnet: "10.65.10.0/24", gateway: "10.65.10.1" }],
  mtu: 1450,
  secure: false,
  internal: false,
  multicast: false,
  allowSpoof: false,
  labels: {},
  created: "2026-03-01T10:00:00Z",
  endpoints: [ENDPOINT],
  local: { netns: "/run/netns/1-249690033b", bridge: "br0", vxlan: "vxlan1" },
}

export const NODE: NodeView = {
  id: "n".repeat(64),
  name: "swarm-01",
  address: "192.168.1.51",
  role: "server",
  voter: true,
  leader: true,
  state: "alive",
  version: "0.1.0",
}

export const STATUS: StatusView = {
  node: NODE,
  cluster: { id: "c0ffee", leader: "swarm-01", term: 1, index: 42, servers: 1, nodes: 2 },
  networks: 2,
  endpoints: 4,
  kernel: { inSync: true, lastReconcile: "2026-03-01T11:59:57Z", repairs: 0, reconcileCpuMs: 12 },
  health: "ok",
  problems: [],
}

export const WORKLOAD: WorkloadView = {
  id: ID,
  name: "web",
  node: "swarm-01",
  pid: 4242,
  command: ["sh", "-c", "echo a\nb\x1b[31m"],
  status: "running",
  exitCode: null,
  networks: ["red", "green"],
  ports: [{ protocol: "tcp", address: null, hostPort: 8080, port: 80, count: 1 }],
  created: "2026-03-01T11:57:00Z",
}

export const TOKEN: TokenView = {
  id: "3f9c",
  role: "client",
  expires: "2026-03-02T11:00:00Z",
  usesLeft: null,
  created: "2026-03-01T11:00:00Z",
}

/** A line as its words; none of the tests' words holds a blank. */
export function line(text: string): string[] {
  return text.split(" ")
}
