import { expect, test } from "bun:test"
import { jsonLog, type Log, lineLog } from "./log.ts"

function lines(logOf: typeof lineLog): string {
  let written = ""
  const log: Log = logOf(
    (line) => (written += line),
    "info",
    () => "T",
  )
  log.debug("not wanted")
  log.info("peer joined", { node: "swarm-02", why: 'said "yes"', mtu: 1450, last: undefined })
  log.error("gone")
  return written
}

test("for people, a line an event with its fields behind it", () => {
  expect(lines(lineLog)).toBe('T info  peer joined node=swarm-02 why="said \\"yes\\"" mtu=1450\nT error gone\n')
})

test("for programs, a JSON object a line, whatever the fields hold", () => {
  const objects = lines(jsonLog)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
  expect(objects).toEqual([
    { time: "T", level: "info", message: "peer joined", node: "swarm-02", why: 'said "yes"', mtu: 1450 },
    { time: "T", level: "error", message: "gone" },
  ])
})
