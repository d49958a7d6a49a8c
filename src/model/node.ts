/** A node: a host that runs the daemon. Also the cluster's status and join tokens, as the contract shows them. */
import { z } from "zod"
import { nameSchema } from "./names.ts"

export const roleSchema = z.enum(["server", "client"])
export type Role = z.infer<typeof roleSchema>

export const nodeRecordSchema = z.object({
  id: z.string().length(64),
  name: nameSchema,
  /** The VTEP: the underlay address for VXLAN, without a prefix length. */
  address: z.string(),
  /** Where other nodes reach its `--bind` listener, `ADDR:PORT`; null for a client. */
  peerAddress: z.string().nullable(),
  role: roleSchema,
  voter: z.boolean(),
  state: z.enum(["member", "left"]),
  version: z.string(),
  /** MTU of the interface that holds the VTEP, in bytes. */
  underlayMtu: z.int(),
  /** Subnet of the node's egress bridge, once it has one; networks with egress must not overlap it. */
  egressSubnet: z.string().nullish(),
  bootId: z.string(),
  joined: z.string(),
  /** SHA-256 of the request with which it joined: who lost the answer may ask again and is not taken for another. */
  joinHash: z.string().nullish(),
})
export type NodeRecord = z.infer<typeof nodeRecordSchema>

export const nodeViewSchema = z.object({
  id: z.string(),
  name: z.string(),
  address: z.string(),
  role: roleSchema,
  voter: z.boolean(),
  leader: z.boolean(),
  state: z.enum(["alive", "failed", "left"]),
  version: z.string(),
})
export type NodeView = z.infer<typeof nodeViewSchema>

/** Hexadecimal digits of a node id that make its number: 48 bits, which a JavaScript number holds exactly. */
const RAFT_ID_DIGITS = 12

/**
 * The number by which the consensus core knows a node: the beginning of its id. Who is let in as a server gets an id whose
 * number is neither 0, which means nobody, nor anybody else's, past or present.
 */
export function raftIdOf(nodeId: string): number {
  return Number.parseInt(nodeId.slice(0, RAFT_ID_DIGITS), 16)
}

/** `level`: an `error` is what makes the health `degraded`; a `warning` does not change it. */
export const problemSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  level: z.enum(["error", "warning"]),
})
export type Problem = z.infer<typeof problemSchema>

export const statusViewSchema = z.object({
  node: nodeViewSchema,
  cluster: z.object({
    id: z.string(),
    leader: z.string().nullable(),
    term: z.int(),
    index: z.int(),
    servers: z.int(),
    nodes: z.int(),
  }),
  networks: z.int(),
  endpoints: z.int(),
  kernel: z.object({
    inSync: z.boolean(),
    lastReconcile: z.string().nullable(),
    repairs: z.int(),
    /** Processor time of the last look at all that ovl has in the kernel. */
    reconcileCpuMs: z.number().nullable(),
  }),
  health: z.enum(["ok", "degraded"]),
  problems: z.array(problemSchema),
})
export type StatusView = z.infer<typeof statusViewSchema>

export const tokenSpecSchema = z.strictObject({
  role: roleSchema.optional(),
  ttlMs: z.int().positive().optional(),
  uses: z.int().positive().nullable().optional(),
})
export type TokenSpec = z.infer<typeof tokenSpecSchema>

/** What the store keeps of a token: the secret only as a hash. */
export const tokenRecordSchema = z.object({
  id: z.string(),
  hash: z.string(),
  role: roleSchema,
  expires: z.string(),
  usesLeft: z.int().nullable(),
  created: z.string(),
})
export type TokenRecord = z.infer<typeof tokenRecordSchema>

/** `token ls`. */
export const tokenViewSchema = tokenRecordSchema.omit({ hash: true })
export type TokenView = z.infer<typeof tokenViewSchema>

/** `token create`: the only time the token itself is shown. */
export const tokenCreatedSchema = z.object({ id: z.string(), token: z.string(), role: roleSchema, expires: z.string() })
export type TokenCreated = z.infer<typeof tokenCreatedSchema>
