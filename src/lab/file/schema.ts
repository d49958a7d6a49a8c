/**
 * What may stand in a lab's file: the one source of its type, its validation and `schemas/lab.schema.json`. What the
 * names in it refer to, and whether addresses fit, is not said here but checked by `resolve.ts`.
 */
import { z } from "zod"
import {
  IFNAME_MAX_CHARS,
  LAB_COMMAND_MAX_WORDS,
  LAB_CUTS_MAX,
  LAB_EXPECTATIONS_MAX,
  LAB_TEXT_MAX_CHARS,
  MTU_MAX_BYTES,
  MTU_MIN_BYTES,
  NETWORKS_PER_WORKLOAD_MAX,
  PORT_MAPPINGS_PER_WORKLOAD_MAX,
  SUBNETS_PER_NETWORK_MAX,
  VNI_MAX,
  VXLAN_OVERHEAD_V4_BYTES,
} from "../../base/limits.ts"
import { NAME_PATTERN, NAME_RULE } from "../../model/name-rule.ts"

const about = <T extends z.ZodType>(schema: T, description: string): T => schema.meta({ description })

const name = z.string().regex(NAME_PATTERN, NAME_RULE)
/** A node's cable on the switch is called after it. */
const nodeName = name.max(IFNAME_MAX_CHARS)
const text = z.string().min(1).max(LAB_TEXT_MAX_CHARS)
const scalar = z.union([z.string().max(LAB_TEXT_MAX_CHARS), z.number(), z.boolean()])
const underlayMtu = z
  .int()
  .min(MTU_MIN_BYTES + VXLAN_OVERHEAD_V4_BYTES)
  .max(MTU_MAX_BYTES)
const state = z.enum(["up", "down"])
const rate = z.string().regex(/^\d+(\.\d+)?[kmg]bit$/, "a rate is written as 512kbit, 10mbit or 1gbit")

const underlaySchema = z.strictObject({
  subnet: about(text, "Addresses of the nodes, IPv4; 192.168.1.0/24 unless said").optional(),
  gateway: about(text, "Address of the outside host on the underlay; the subnet's last unless said").optional(),
  mtu: about(underlayMtu, "Bytes that every cable carries; 1500 unless said").optional(),
  rate: about(rate, "What every cable carries each way, as 10mbit; unlimited unless said").optional(),
  links: about(
    z
      .array(
        z.strictObject({
          between: about(z.tuple([name, name]), "Two nodes, or a node and the outside"),
          state: about(state, "down: nothing passes between the two").optional(),
        }),
      )
      .max(LAB_CUTS_MAX),
    "Ways between two stations of the underlay; those that are not named are up",
  ).optional(),
})

const outsideSchema = z.strictObject({
  name: about(nodeName, "What the host is called; outside unless said").optional(),
  address: about(text, "Its address on the internet; 203.0.113.1 unless said").optional(),
})

const nodeSchema = z.strictObject({
  role: about(
    z.enum(["server", "client"]),
    "Where no node is marked server, the first is one; all others are clients",
  ).optional(),
  address: about(text, "On the underlay, its VTEP; the next free one unless said").optional(),
  mtu: about(underlayMtu, "Bytes that its cable carries, where that is less than the underlay's").optional(),
  rate: about(rate, "What its cable carries each way, as 10mbit").optional(),
  link: about(state, "down: its cable is unplugged once the lab is up").optional(),
})

const networkSchema = z.strictObject({
  subnet: about(
    z.union([text, z.array(text).min(1).max(SUBNETS_PER_NETWORK_MAX)]),
    "One, or several of either family; chosen unless said",
  ).optional(),
  gateway: about(
    z.union([text, z.array(text).min(1).max(SUBNETS_PER_NETWORK_MAX)]),
    "Of the subnet that it lies in, the same on every node; the subnet's first address unless said",
  ).optional(),
  "ip-range": about(text, "Part of a subnet from which its addresses are given").optional(),
  vni: about(z.int().min(1).max(VNI_MAX), "VXLAN network identifier; the next from 256 up unless said").optional(),
  mtu: about(z.int().min(MTU_MIN_BYTES).max(MTU_MAX_BYTES), "The underlay's less 50 unless said").optional(),
  internal: about(z.boolean(), "No way to the outside").optional(),
  multicast: about(z.boolean(), "Carry multicast and broadcast between nodes too").optional(),
  "allow-spoof": about(z.boolean(), "Let endpoints send under other MACs and addresses than their own").optional(),
  labels: about(z.record(z.string(), scalar), "Labels of the network").optional(),
})

const workloadSchema = z.strictObject({
  node: about(name, "The node it runs on"),
  network: about(name, "The network it is on").optional(),
  networks: about(
    z.array(name).min(1).max(NETWORKS_PER_WORKLOAD_MAX),
    "The networks it is on; the first becomes eth0",
  ).optional(),
  ip: about(text, "Address on the first network; the next free one unless said").optional(),
  ip6: about(text, "IPv6 address on the first network, beside an IPv4 one").optional(),
  mac: about(text, "MAC on the first network; 02:42 and the address unless said").optional(),
  hostname: about(name, "Host name inside; the workload's name unless said").optional(),
  command: about(
    z.union([text, z.array(scalar).min(1).max(LAB_COMMAND_MAX_WORDS)]),
    "What runs in it: words, or one line for sh; unless said the namespace is only kept open",
  ).optional(),
  env: about(z.record(z.string().regex(/^[^=\s]+$/, "no = and no blank"), scalar), "Environment variables").optional(),
  ports: about(
    z.array(text).max(PORT_MAPPINGS_PER_WORKLOAD_MAX),
    "Ports of the node that lead here: [ADDR:]HOST:PORT[/udp|tcp]",
  ).optional(),
})

/** Parts that are maps of names: each entry may be left empty. */
export const SECTIONS = { nodes: nodeSchema, networks: networkSchema, workloads: workloadSchema } as const

export const labFileSchema = z.strictObject({
  name: about(name, "What the lab is called; `--name` goes before it"),
  description: about(text, "One line for people").optional(),
  "kv-prefix": about(
    z.string().regex(/^[a-zA-Z0-9_.-]+$/, "letters, digits, '_', '.', '-'"),
    "Prefix of the cluster's keys; ovl unless said",
  ).optional(),
  underlay: about(underlaySchema, "The switch between the nodes, and their cables").optional(),
  outside: about(outsideSchema, "A host that stands for the internet").optional(),
  nodes: about(z.record(nodeName, nodeSchema), "The nodes: each a daemon in namespaces of its own"),
  networks: about(z.record(name, networkSchema), "The networks of the cluster").optional(),
  workloads: about(z.record(name, workloadSchema), "What `ovl run -d` makes on the nodes").optional(),
  expect: about(
    z.array(text).max(LAB_EXPECTATIONS_MAX),
    "What `ovl lab verify` proves: `a reaches b`, `a does not reach b`, `a reaches b tcp 8080`, `a reaches b with 8950 bytes`, `a hears b on 239.1.1.1`, `all of red reach each other`",
  ).optional(),
})
export type LabFile = z.infer<typeof labFileSchema>

/** Keys that the contract names for a network and this version does not have. */
export const NOT_AVAILABLE_KEYS = ["secure", "tenant"]

/** The keys that may stand at a place of the file, for "did you mean"; null where any may. */
export function keysAt(path: readonly (string | number)[]): string[] | null {
  const [section, , ...rest] = path
  if (section === undefined) return Object.keys(labFileSchema.shape)
  if (section === "underlay") return path.length === 1 ? Object.keys(underlaySchema.shape) : ["between", "state"]
  if (section === "outside") return Object.keys(outsideSchema.shape)
  const schema = SECTIONS[section as keyof typeof SECTIONS]
  return schema && path.length === 2 && rest.length === 0 ? Object.keys(schema.shape) : null
}
