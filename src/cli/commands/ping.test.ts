import { expect, test } from "bun:test"
import type { PingLine, PingNetworkView, PingReply, PingView } from "../../model/ping.ts"
import { pingNumbers } from "../../model/ping-numbers.ts"
import { ovl } from "../testing.ts"
import { line } from "./fixtures.ts"

const replies = (...times: (number | null | string)[]): PingReply[] =>
  times.map((each, at) => ({
    seq: at + 1,
    ms: typeof each === "number" ? each : null,
    why: typeof each === "string" ? each : null,
  }))

function view(given: PingReply[], more: Partial<PingView> = {}): PingView {
  return {
    network: "red",
    from: { name: "ns1", node: "h1", ip: "10.65.10.2" },
    to: { name: "ns3", node: "h2", ip: "10.65.10.3" },
    ...pingNumbers(given),
    replies: given,
    problem: null,
    ...more,
  }
}

/** As a daemon tells it: answers as they come, what is lost only in the whole. */
async function* linesOf(whole: PingView): AsyncGenerator<PingLine> {
  const { network, from, to } = whole
  yield { pair: { network, from, to } }
  for (const reply of whole.replies) if (reply.ms !== null) yield { reply }
  yield { view: whole }
}

test("a line an answer, the sum, exit 0", async () => {
  let asked: unknown
  const client = {
    pingLines: (wish: unknown) => {
      asked = wish
      return linesOf(view(replies(0.4123, 12.34)))
    },
  }
  expect(await ovl(line("ping ns1 ns3 -c 2 -i 1s -6"), { client })).toEqual({
    status: 0,
    stdout: [
      "ns1 (10.65.10.2, h1) to ns3 (10.65.10.3, h2) on red",
      "seq=1 time=0.412 ms",
      "seq=2 time=12.3 ms",
      "2 sent, 2 answered, 0% lost; min/avg/max 0.412/6.38/12.3 ms",
      "",
    ].join("\n"),
    stderr: "",
  })
  expect(asked).toEqual({ from: "ns1", to: "ns3", network: undefined, family: 6, count: 2, intervalMs: 1_000 })
})

test("what was lost is named, exit 1; with --json in both documents", async () => {
  const client = { pingLines: () => linesOf(view(replies(0.4, null, null, "host unreachable", 0.5, null))) }
  const outcome = await ovl(line("ping ns1 ns3"), { client })
  expect(outcome.status).toBe(1)
  expect(outcome.stdout).toContain(
    "seq=1 time=0.400 ms\nseq=5 time=0.500 ms\nseq=2 no answer\nseq=3 no answer\nseq=4 host unreachable\nseq=6 no answer\n",
  )
  expect(outcome.stdout).toContain("6 sent, 2 answered, 66.7% lost; min")
  expect(outcome.stderr).toBe(
    "ovl: ping from ns1 to ns3: 4 of 6 packets were not answered: seq 2-4, 6\nhint: `ovl doctor` on h1 tries the way to h2, and says what passes\n",
  )
  const json = await ovl(line("ping ns1 ns3 --json"), { client })
  expect([json.status, JSON.parse(json.stdout).received, JSON.parse(json.stderr).error.code]).toEqual([
    1,
    2,
    "packets_lost",
  ])
})

test("nothing answered, nobody there, and a node that does not answer", async () => {
  const shown = async (answer: PingView) => {
    const { stdout, stderr } = await ovl(line("ping ns1 x"), { client: { pingLines: () => linesOf(answer) } })
    return `${stdout}${stderr.split("\n")[0]}`
  }
  const outside = { network: null, to: { name: null, node: null, ip: "203.0.113.1" } }
  expect(await shown(view(replies(null), outside))).toBe(
    "ns1 (10.65.10.2, h1) to 203.0.113.1\nseq=1 no answer\n1 sent, 0 answered, 100% lost\novl: ping from ns1 to 203.0.113.1: the only packet was not answered",
  )
  expect(await shown(view(replies("network is unreachable"), outside))).toEndWith(
    "ping from ns1 to 203.0.113.1: the only packet was not answered: network is unreachable",
  )
  expect(await shown(view([], { problem: "node h1 does not answer" }))).toBe(
    "ns1 (10.65.10.2, h1) to ns3 (10.65.10.3, h2) on red\nnothing was sent: node h1 does not answer\novl: ping from ns1 to ns3: node h1 does not answer",
  )
})

test("wrong words never reach a daemon", async () => {
  for (const [words, code] of [
    ["ping", "argument_missing"],
    ["ping a", "argument_missing"],
    ["ping a b -4 -6", "options_conflict"],
    ["ping a b -c 0", "option_value_invalid"],
    ["ping a b -i 1", "option_value_invalid"],
    ["ping a b -c 1000 -i 1s", "ping_too_long"],
    ["ping --all-pairs red a b", "argument_unexpected"],
    ["ping --all-pairs red -c 11", "ping_too_long"],
    ["ping --all-pairs red -i 2s", "ping_too_long"],
    ["ping --all-pairs re/d", "name_invalid"],
  ] as const) {
    const { status, stderr } = await ovl([...line(words), "--json"])
    expect([words, status, JSON.parse(stderr).error.code]).toEqual([words, 2, code])
  }
})

function pairs(names: string[], lost: string[]): PingNetworkView {
  const all = names.flatMap((from) =>
    names
      .filter((to) => to !== from)
      .map((to) => {
        const given = lost.includes(`${from} ${to}`) ? replies(null, null) : replies(0.25, 0.35)
        const side = (name: string) => ({ name, node: name === "c" ? "h2" : "h1", ip: "10.0.0.1" })
        return view(given, { from: side(from), to: side(to) })
      }),
  )
  return { network: "red", pairs: all, failed: lost.length }
}

test("all pairs: a table from row to column; what is broken is named, exit 1", async () => {
  const client = { pingNetwork: async () => pairs(["a", "b", "c"], ["a c", "b c"]) }
  const { status, stdout, stderr } = await ovl(line("ping --all-pairs red"), { client })
  expect(status).toBe(1)
  expect(stdout).toBe(
    [
      "         1      2      3",
      "1 a      -  0.300   lost",
      "2 b  0.300      -   lost",
      "3 c  0.300  0.300      -",
      "6 pairs, 2 with losses; times in ms, from the row to the column",
      "",
    ].join("\n"),
  )
  expect(stderr).toBe(
    [
      "ovl: ping of all pairs of red: 2 of 6 pairs lost packets:",
      "  a to c: 2 of 2 lost, h1 to h2",
      "  b to c: 2 of 2 lost, h1 to h2",
      "hint: `ovl doctor` on h1 tries the way to h2, and says what passes",
      "",
    ].join("\n"),
  )
})

test("a large table comes in blocks that fit 80 columns", async () => {
  const names = Array.from({ length: 12 }, (_, at) => `w${String(at).padStart(2, "0")}`)
  const client = { pingNetwork: async () => pairs(names, []) }
  const { status, stdout } = await ovl(line("ping --all-pairs red"), { client })
  const lines = stdout.split("\n")
  expect([
    status,
    Math.max(...lines.map((each) => each.length)),
    lines.filter((each) => /^ +1 w00/.test(each)).length,
  ]).toEqual([0, 76, 2])
  const alone = { pingNetwork: async () => pairs(["a"], []) }
  expect((await ovl(line("ping --all-pairs red"), { client: alone })).stdout).toBe(
    "network red has fewer than two endpoints: nobody to ping\n",
  )
})

test("on a terminal a long wait for all pairs says what for, and a pipe hears nothing of it", async () => {
  const client = {
    pingNetwork: async () => {
      await Bun.sleep(20)
      return pairs(["a", "b"], [])
    },
  }
  const words = line("ping --all-pairs red --no-color")
  expect((await ovl(words, { client, terminal: true })).stderr).toContain("pinging all pairs of red")
  expect((await ovl(words, { client })).stderr).toBe("")
})

test("an answer that breaks off is no success", async () => {
  const client = {
    pingLines: async function* () {
      yield { pair: view([]) }
    },
  }
  expect((await ovl(line("ping ns1 ns3"), { client })).status).toBe(6)
})
