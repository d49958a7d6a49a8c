/**
 * A probe of the data plane: what two nodes found out about the ways between them, each direction on its own, with small
 * frames and with those of full size. Also what nodes tell each other about it over the control plane.
 */
import { z } from "zod"

/** Null: not found out, since the other node's daemon did not take part. */
const passedSchema = z.boolean().nullable()

export const probeDirectionSchema = z.object({ small: passedSchema, full: passedSchema })
export type ProbeDirection = z.infer<typeof probeDirectionSchema>

export const probeViewSchema = z.object({
  /** The other node's name. */
  node: z.string(),
  address: z.string(),
  /** From the node that was asked to the other one. */
  there: probeDirectionSchema,
  back: probeDirectionSchema,
  /** There and back, where both ways are open. */
  ms: z.number().nullable(),
  /** The size of the full frames: the MTU of an interface on the overlay, in bytes. */
  mtu: z.int(),
  /** Where full frames are lost and small ones pass: the largest that passes, as an MTU on the overlay. */
  largest: z.int().nullable(),
  /** By how much the other node's clock is ahead of this one's. */
  clockAheadMs: z.number().nullable(),
  /** Why this host itself did not send: the kernel's word, such as EPERM of a rule in OUTPUT. */
  refused: z.string().nullable(),
})
export type ProbeView = z.infer<typeof probeViewSchema>

export const probeRequestSchema = z.strictObject({ node: z.string().optional() })

/** A node's wish that another one sends to it, and says what it heard from it. */
export const probeWishSchema = z.object({ asker: z.string().min(1).max(64), round: z.string().regex(/^[0-9a-f]{16}$/) })
export type ProbeWish = z.infer<typeof probeWishSchema>

/** What one node heard from the asker of a round. */
export const probeReportSchema = z.strictObject({
  nodeId: z.string().min(1).max(64),
  asker: z.string().min(1).max(64),
  round: z.string().regex(/^[0-9a-f]{16}$/),
  small: z.boolean(),
  full: z.boolean(),
})
export type ProbeReport = z.infer<typeof probeReportSchema>

export interface ProbeFault {
  code: "path_blocked" | "path_mtu" | "probe_unanswered"
  message: string
  hint: string
}

/** What is wrong with the ways between the node `self` and the other one, one direction each; none where all passes. */
export function probeFaults(self: string, view: ProbeView): ProbeFault[] {
  const { node, there, back } = view
  if (there.small === null && back.small === null) return [unanswered(view)]
  return [...directionFaults(self, node, there, view, view.refused), ...directionFaults(node, self, back, view, null)]
}

function directionFaults(
  from: string,
  to: string,
  { small, full }: ProbeDirection,
  view: ProbeView,
  refused: string | null,
): ProbeFault[] {
  const said = refused === null ? "" : `: ${from}'s own kernel refuses to send (${refused})`
  if (small === false)
    return [
      {
        code: "path_blocked",
        message: `VXLAN from ${from} to ${to} (UDP port 4789) is blocked${said}`,
        hint: `let UDP port 4789 pass from ${from} to ${to}: a firewall on either host, a security group or the network between drops it`,
      },
    ]
  if (small === null || full !== false) return []
  const largest = view.largest === null ? "" : `; the largest that passes is ${view.largest}`
  return [
    {
      code: "path_mtu",
      message: `full-size frames (MTU ${view.mtu}) from ${from} to ${to} are lost, small ones pass${largest}${said}`,
      hint: pathHint(view),
    },
  ]
}

function pathHint({ largest, address }: ProbeView): string {
  if (largest === null) return "let the network between carry larger packets, or lower the MTU of the hosts' underlay"
  const underlay = largest + (address.includes(":") ? 70 : 50)
  return `the way carries packets of ${underlay} bytes: set that as the MTU of the underlay's device on both hosts, and ovl follows`
}

function unanswered({ node, address }: ProbeView): ProbeFault {
  return {
    code: "probe_unanswered",
    message: `node ${node} (${address}) answers no probe, and its daemon cannot be asked why`,
    hint: `is its daemon running? \`ovl node ls\` shows who is heard from`,
  }
}
