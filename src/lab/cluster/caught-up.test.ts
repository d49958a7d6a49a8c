import { expect, test } from "bun:test"
import { OvlError } from "../../base/errors.ts"
import type { Client } from "../../client/client.ts"
import { nodesCaughtUp } from "./caught-up.ts"

/** What a node answers, one after another: how far it is, and `*` where it leads, `-` where it knows no leader. */
function nodes(answers: Record<string, string[]>) {
  const asked: string[] = []
  const clients = new Map(
    Object.entries(answers).map(([name, texts]) => {
      let at = 0
      const status = async () => {
        const text = texts[Math.min(at++, texts.length - 1)]!
        asked.push(`${name} ${text}`)
        if (text === "down") throw new OvlError("no_daemon", "nobody is listening", { kind: "unavailable" })
        const cluster = { index: Number.parseInt(text, 10), leader: text.endsWith("-") ? null : "n1" }
        return { node: { leader: text.endsWith("*") }, cluster }
      }
      return [name, { status } as unknown as Client] as const
    }),
  )
  return { clients, asked }
}

const AT_ONCE = { timeoutMs: 0, pollMs: 0 }

test("a node that was down is waited for until it has what the leader had", async () => {
  const { clients, asked } = nodes({ n1: ["7-", "9*", "12*"], n2: ["down", "5-", "8", "9"] })
  await nodesCaughtUp("mine", clients, { pollMs: 0 })
  expect(asked).toEqual(["n1 7-", "n2 down", "n1 9*", "n2 5-", "n1 12*", "n2 8", "n1 12*", "n2 9"])
})

test("who is late is named", async () => {
  const late = (answers: Record<string, string[]>) => nodesCaughtUp("mine", nodes(answers).clients, AT_ONCE)
  const said = async (answers: Record<string, string[]>) => late(answers).catch((error) => error.message)
  expect(await said({ n1: ["9*"], n2: ["8"] })).toBe("lab mine: node n2 is not ready: it has 8 of 9 changes")
  expect(await said({ n1: ["9-"], n2: ["8-"] })).toBe("lab mine: node n1 is not ready: it knows no leader")
  expect(await said({ n1: ["9*"], n2: ["down"] })).toBe("lab mine: node n2 is not ready: nobody is listening")
})
