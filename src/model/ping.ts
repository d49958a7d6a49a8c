/**
 * Pings between workloads: what is asked, what comes of it, and how nodes ask each other for it, since an echo request
 * leaves from inside the workload's own namespace, on the node that the workload lives on.
 */
import { z } from "zod"
import {
  PING_COUNT_DEFAULT,
  PING_COUNT_MAX,
  PING_DURATION_MAX_MS,
  PING_INTERVAL_DEFAULT_MS,
  PING_INTERVAL_MAX_MS,
  PING_INTERVAL_MIN_MS,
  PING_PAIR_COUNT_MAX,
  PING_PAIR_INTERVAL_MAX_MS,
  PING_PAIRS_MAX,
  PING_ROUND_MAX_MS,
} from "../base/limits.ts"
import { pingDurationMs } from "./ping-numbers.ts"

const countSchema = z.int().min(1).max(PING_COUNT_MAX)
const intervalSchema = z.int().min(PING_INTERVAL_MIN_MS).max(PING_INTERVAL_MAX_MS)
const familySchema = z.union([z.literal(4), z.literal(6)])

/** `from` and `to` are names of workloads or endpoints, or ids; `to` may be any address. */
export const pingRequestSchema = z
  .strictObject({
    from: z.string(),
    to: z.string(),
    /** Which of the networks that both are on; left out: the first. */
    network: z.string().optional(),
    /** Left out: IPv4 where both have it. */
    family: familySchema.optional(),
    count: countSchema.default(PING_COUNT_DEFAULT),
    intervalMs: intervalSchema.default(PING_INTERVAL_DEFAULT_MS),
  })
  .refine(fitsTime, { error: `it would take longer than ${PING_DURATION_MAX_MS / 1_000} s`, path: ["count"] })
export type PingRequest = z.infer<typeof pingRequestSchema>
export type PingWish = z.input<typeof pingRequestSchema>

export const pingNetworkRequestSchema = z.strictObject({
  family: familySchema.optional(),
  /** Of each pair. */
  count: z.int().min(1).max(PING_PAIR_COUNT_MAX).default(2),
  intervalMs: z.int().min(PING_INTERVAL_MIN_MS).max(PING_PAIR_INTERVAL_MAX_MS).default(PING_INTERVAL_DEFAULT_MS),
})
export type PingNetworkRequest = z.infer<typeof pingNetworkRequestSchema>
export type PingNetworkWish = z.input<typeof pingNetworkRequestSchema>

export const pingReplySchema = z.object({
  /** From 1. */
  seq: z.int(),
  /** There and back; null: no answer. */
  ms: z.number().nullable(),
  /** Why not, where somebody said: `host unreachable`. */
  why: z.string().max(256).nullable(),
})
export type PingReply = z.infer<typeof pingReplySchema>

const sideSchema = z.object({ name: z.string().nullable(), node: z.string().nullable(), ip: z.string() })

export const pingViewSchema = z.object({
  /** The network that both are on; null on the way to an address outside. */
  network: z.string().nullable(),
  /** `name` and `node` of the other side are null where the address is no endpoint's. */
  from: sideSchema.extend({ name: z.string(), node: z.string() }),
  to: sideSchema,
  sent: z.int(),
  received: z.int(),
  lossPercent: z.number(),
  /** Milliseconds; null where nothing was answered. */
  min: z.number().nullable(),
  avg: z.number().nullable(),
  max: z.number().nullable(),
  replies: z.array(pingReplySchema),
  /** Why nothing could be sent; null where it could. */
  problem: z.string().nullable(),
})
export type PingView = z.infer<typeof pingViewSchema>

export type PingPairView = Pick<PingView, "network" | "from" | "to">

/** A line of a ping that is followed: who pings whom, then each answer as it comes, at last the whole. */
export type PingLine = { pair: PingPairView } | { reply: PingReply } | { view: PingView }

export const pingNetworkViewSchema = z.object({
  network: z.string(),
  /** Ordered by source, then by target; each direction is a pair of its own. */
  pairs: z.array(pingViewSchema),
  /** Pairs that lost at least one packet. */
  failed: z.int(),
})
export type PingNetworkView = z.infer<typeof pingNetworkViewSchema>

const nodeId = z.string().min(1).max(64)
const round = z.string().regex(/^[0-9a-f]{16}$/)

/** One thing that a node is to do: echo requests from an endpoint of its own. */
export const pingTaskSchema = z.strictObject({
  /** Its place in what was asked. */
  task: z.int().min(0).max(PING_PAIRS_MAX),
  endpointId: z.string().min(1).max(64),
  /** The address. */
  to: z.string().max(64),
  /** On the endpoint's own interface, rather than where the workload's routes lead. */
  onLink: z.boolean(),
  count: countSchema,
  intervalMs: intervalSchema,
})
export type PingTask = z.infer<typeof pingTaskSchema>

export const pingResultSchema = z.strictObject({
  task: z.int(),
  replies: z.array(pingReplySchema).max(PING_COUNT_MAX),
  problem: z.string().max(1_024).nullable(),
})
export type PingResult = z.infer<typeof pingResultSchema>

/** What `asker` wants of one node. */
export const pingOrderSchema = z.strictObject({
  asker: nodeId,
  round,
  tasks: z.array(pingTaskSchema).max(PING_PAIRS_MAX),
})
export type PingOrder = z.infer<typeof pingOrderSchema>

export const pingRoundSchema = z.strictObject({
  asker: nodeId,
  round,
  tasks: z.array(pingTaskSchema.extend({ nodeId })).max(PING_PAIRS_MAX),
  timeoutMs: z.number().min(0).max(PING_ROUND_MAX_MS),
})
/** What the asker wants of several nodes, and until when. */
export type PingRound = z.infer<typeof pingRoundSchema>

export const pingReportSchema = z.strictObject({
  nodeId,
  round,
  results: z.array(pingResultSchema).max(PING_PAIRS_MAX),
})
export type PingReport = z.infer<typeof pingReportSchema>

function fitsTime(request: { count: number; intervalMs: number }): boolean {
  return pingDurationMs(request) <= PING_DURATION_MAX_MS
}
