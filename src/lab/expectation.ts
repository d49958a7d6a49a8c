/**
 * What a lab's file expects, in words: `ns1 reaches ns2`, `ns1 does not reach 10.65.10.9`, `outside reaches n1 tcp 8080`,
 * `a reaches b with 8950 bytes`, `b hears a on 239.1.1.1`, `all of red reach each other`. Pure: words to values. What
 * the names stand for is checked by the file's reader, and whether they hold by `verify/`.
 */
import { z } from "zod"

const reachSchema = z.strictObject({
  kind: z.literal("reach"),
  text: z.string(),
  from: z.string(),
  /** A workload, a node, the outside, or an address. */
  to: z.string(),
  holds: z.boolean(),
  /** Null: a question by UDP that ovl itself asks and answers. */
  port: z.strictObject({ protocol: z.enum(["tcp", "udp"]), number: z.int() }).nullable(),
  /** Of the IP packet, in one piece; null: a small one. */
  bytes: z.int().nullable(),
})
const hearSchema = z.strictObject({
  kind: z.literal("hear"),
  text: z.string(),
  /** Who listens, and who speaks. */
  from: z.string(),
  to: z.string(),
  holds: z.boolean(),
  group: z.string(),
})
const allSchema = z.strictObject({ kind: z.literal("all"), text: z.string(), network: z.string() })

export const expectationSchema = z.discriminatedUnion("kind", [reachSchema, hearSchema, allSchema])
export type Expectation = z.infer<typeof expectationSchema>
export type ReachExpectation = z.infer<typeof reachSchema>
export type HearExpectation = z.infer<typeof hearSchema>

const REACH =
  /^(\S+) (reaches|does not reach) (\S+)(?: (?:on )?(tcp|udp) (?:port )?(\d{1,5}))?(?: with (\d{1,5}) bytes)?$/
const HEAR = /^(\S+) (hears|does not hear) (\S+) on (\S+)$/
const ALL = /^all of (\S+) reach each other$/

export const EXPECTATION_FORMS = [
  "A reaches B",
  "A does not reach B",
  "A reaches B tcp 8080",
  "A reaches B with 8950 bytes",
  "A hears B on 239.1.1.1",
  "all of NETWORK reach each other",
]

/** Null where the words are none of the forms. */
export function parseExpectation(words: string): Expectation | null {
  const text = words.trim().replace(/\s+/g, " ")
  const reach = REACH.exec(text)
  if (reach) {
    const [, from = "", verb, to = "", protocol, number, bytes] = reach
    const port = number === undefined ? null : { protocol: protocol as "tcp" | "udp", number: Number(number) }
    return {
      kind: "reach",
      text,
      from,
      to,
      holds: verb === "reaches",
      port,
      bytes: bytes === undefined ? null : Number(bytes),
    }
  }
  const hear = HEAR.exec(text)
  if (hear) {
    const [, from = "", verb, to = "", group = ""] = hear
    return { kind: "hear", text, from, to, holds: verb === "hears", group }
  }
  const all = ALL.exec(text)
  return all ? { kind: "all", text, network: all[1] ?? "" } : null
}
