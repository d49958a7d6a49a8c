import { expect, test } from "bun:test"
import { tableFinding } from "./neighbours.ts"

const TITLES = "entries  allocs   destroys hash_grows lookups  hits     res_failed rcv_probes_mcast table_fulls\n"
const line = (fulls: string) => `00000009 00000076 0000006d 00000000 00000be8 00000003 00000000 00000000 ${fulls}\n`

test("a neighbour table that was full is named, with the limit and what to do (pain 25)", () => {
  const finding = (...fulls: string[]) => tableFinding("ipv4", 1024, TITLES + fulls.map(line).join(""))
  expect(finding("00000000", "00000000")).toEqual({
    name: "neighbour table, IPv4",
    level: "ok",
    detail: "never full since this host started; it takes 1024 learned neighbours of all namespaces together",
  })
  expect(finding("0000000a", "00000003")).toEqual({
    name: "neighbour table, IPv4",
    level: "warning",
    detail:
      "was full 13 times since this host started, and packets were lost by it; it takes 1024 learned neighbours of all namespaces together",
    hint: "sysctl -w net.ipv4.neigh.default.gc_thresh3=65536, and the same in /etc/sysctl.d",
  })
})
