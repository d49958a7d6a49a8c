/**
 * The calls that travel between a client and a server: what each takes and gives. Both ends check what they get by these
 * schemas; the stream of changes alone is taken on trust, as it comes from a server and may be long. How long a list may
 * be, the registry says, with a code of its own; here FRAME_MAX_BYTES bounds it.
 */
import { z } from "zod"
import {
  INTEREST_MAX_NETWORKS,
  NETWORKS_MAX,
  PROBE_PEERS_AT_ONCE_MAX,
  PROBE_ROUND_MS,
  PROGRAMMED_WAIT_MAX_MS,
  REPORTS_PER_CALL_MAX,
  UNAUTHENTICATED_FRAME_MAX_BYTES,
} from "../base/limits.ts"
import { egressSchema, endpointRecordSchema, endpointStateSchema } from "../model/endpoint.ts"
import { networkRecordSchema, networkSpecSchema } from "../model/network.ts"
import { nodeRecordSchema, roleSchema, tokenCreatedSchema, tokenSpecSchema, tokenViewSchema } from "../model/node.ts"
import { portMappingSchema } from "../model/port-mapping.ts"
import { pingOrderSchema, pingReportSchema, pingRoundSchema } from "../model/ping.ts"
import { probeReportSchema, probeWishSchema } from "../model/probe.ts"
import { raftViewSchema } from "../model/raft.ts"
import { JOIN_METHOD } from "../transport/server-session.ts"

/** The stream of changes: a subscription. */
export const FOLLOW_METHOD = "cluster/follow"

const id = z.string().min(1).max(64)
const revision = z.int().min(0)
const text = z.string().max(4096)
const revisionAnswer = z.object({ revision })
const nothing = z.null()

/** What the registry itself judges, with a code for each fault, only needs to have the right shape here. */
const networkWishSchema = networkSpecSchema.extend({
  name: text,
  vni: z.number().optional(),
  mtu: z.number().optional(),
  labels: z.record(z.string(), z.string()).optional(),
})
const tokenWishSchema = tokenSpecSchema.extend({ ttlMs: z.number().optional(), uses: z.number().nullish() })

const endpointSpecSchema = z.strictObject({
  id: z.string().length(64).optional(),
  networkId: id,
  nodeId: id,
  workload: z.string(),
  name: z.string(),
  ip: text.nullable(),
  ip6: text.nullish(),
  mac: text.nullable(),
  ifname: text,
  netns: text.nullable(),
  netnsId: text.nullable(),
  origin: z.enum(["run", "attach"]),
  egress: egressSchema.nullable(),
  ports: z.array(portMappingSchema).optional(),
})

const endpointUpdateSchema = z.strictObject({
  id,
  state: endpointStateSchema.optional(),
  egress: egressSchema.nullable().optional(),
  ifname: text.optional(),
  netns: text.nullable().optional(),
  netnsId: text.nullable().optional(),
})

const nodeFactsSchema = z.strictObject({
  address: text.optional(),
  peerAddress: text.nullable().optional(),
  version: text.optional(),
  underlayMtu: z.int().positive().optional(),
  egressSubnet: text.nullish(),
  bootId: text.optional(),
})

const joinRequestSchema = z.object({
  token: text,
  csrPem: z.string().max(UNAUTHENTICATED_FRAME_MAX_BYTES),
  name: z.string(),
  address: text,
  role: roleSchema,
  version: text,
  underlayMtu: z.int().positive(),
  bootId: text,
  peerPort: z.int().min(1).max(65_535).nullish(),
})

/** What the joining node checks the server's answer by. */
export const joinAnswerSchema = z.object({
  node: nodeRecordSchema,
  clusterId: z.string(),
  recoveryEpoch: z.int(),
  kvPrefix: z.string(),
  certPem: z.string(),
  caPem: z.string(),
  servers: z.array(z.string()),
})

const infoSchema = z.object({
  id: z.string(),
  kvPrefix: z.string(),
  leader: z.string().nullable(),
  term: z.int(),
  index: z.int(),
  servers: z.array(z.string()),
  endpoints: z.int(),
})

export const followParamsSchema = z.strictObject({
  fromRevision: revision,
  /** Left out: everything. */
  interest: z
    .strictObject({
      networks: z.array(id).max(INTEREST_MAX_NETWORKS),
      fresh: z.array(id).max(INTEREST_MAX_NETWORKS),
    })
    .optional(),
})

export type FollowWish = z.infer<typeof followParamsSchema>

/** One part of a batch, as JSON in bytes: a large one travels in several, of which the last says so. */
export const followMessageSchema = z.object({
  revision,
  snapshot: z.boolean(),
  changes: z.array(z.unknown()),
  last: z.boolean(),
  opening: z.object({ head: revision, networks: z.array(z.string()).nullable() }).optional(),
})

export type FollowMessage = z.infer<typeof followMessageSchema>

export const METHODS = {
  "cluster/info": { params: nothing, answer: infoSchema },
  "cluster/createNetwork": {
    params: networkWishSchema,
    answer: z.object({ network: networkRecordSchema, revision }),
  },
  "cluster/removeNetwork": { params: z.strictObject({ id, force: z.boolean() }), answer: revisionAnswer },
  "cluster/createEndpoints": {
    params: z.array(endpointSpecSchema),
    answer: z.object({ endpoints: z.array(endpointRecordSchema), revision }),
  },
  "cluster/updateEndpoints": {
    params: z.array(endpointUpdateSchema),
    answer: revisionAnswer,
  },
  "cluster/removeEndpoints": { params: z.array(id), answer: revisionAnswer },
  "cluster/awaitProgrammed": {
    params: z.strictObject({
      networkIds: z.array(id).max(NETWORKS_MAX),
      revision,
      timeoutMs: z.number().min(0).max(PROGRAMMED_WAIT_MAX_MS),
      /** Whom a server asks for: the node that need not be waited for. */
      asker: id.optional(),
    }),
    answer: z.object({ lagging: z.array(z.string()) }),
  },
  "cluster/reportProgrammed": { params: z.strictObject({ nodeId: id, revision }), answer: nothing },
  /** What the nodes that talk to one server have programmed, told to the leader. */
  "cluster/reportsProgrammed": {
    params: z.strictObject({ reports: z.array(z.tuple([id, revision])).max(REPORTS_PER_CALL_MAX) }),
    answer: nothing,
  },
  "cluster/heartbeat": {
    params: z.strictObject({ nodeId: id }),
    // Nothing, as ever, where nobody wishes anything: an older node expects nothing else.
    answer: z.object({ probes: z.array(probeWishSchema), pings: z.array(pingOrderSchema).default([]) }).nullable(),
  },
  "cluster/probeRound": {
    params: z.strictObject({
      ...probeWishSchema.shape,
      others: z.array(id).max(PROBE_PEERS_AT_ONCE_MAX),
      timeoutMs: z.number().min(0).max(PROBE_ROUND_MS),
    }),
    answer: z.object({ reports: z.array(probeReportSchema) }),
  },
  "cluster/reportProbe": { params: probeReportSchema, answer: nothing },
  "cluster/pingRound": { params: pingRoundSchema, answer: z.object({ reports: z.array(pingReportSchema) }) },
  "cluster/reportPing": { params: pingReportSchema, answer: nothing },
  "cluster/updateNode": { params: z.strictObject({ id, facts: nodeFactsSchema }), answer: revisionAnswer },
  "cluster/removeNode": { params: z.strictObject({ id, leave: z.boolean() }), answer: revisionAnswer },
  "cluster/raft": { params: nothing, answer: raftViewSchema },
  "cluster/transferLeader": {
    params: z.strictObject({ nodeId: id.nullable() }),
    answer: z.object({ leader: z.string() }),
  },
  "cluster/removeServer": { params: z.strictObject({ id }), answer: revisionAnswer },
  "cluster/createToken": { params: tokenWishSchema, answer: tokenCreatedSchema },
  "cluster/listTokens": { params: nothing, answer: z.array(tokenViewSchema) },
  "cluster/removeToken": { params: z.strictObject({ id }), answer: nothing },
  "cluster/checkToken": { params: z.strictObject({ token: text }), answer: z.object({ role: roleSchema }) },
  [JOIN_METHOD]: { params: joinRequestSchema, answer: joinAnswerSchema },
} as const

export type Method = keyof typeof METHODS
export type Params<M extends Method> = z.infer<(typeof METHODS)[M]["params"]>
export type Answer<M extends Method> = z.infer<(typeof METHODS)[M]["answer"]>
