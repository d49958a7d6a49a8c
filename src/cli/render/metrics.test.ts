import { expect, test } from "bun:test"
import { parseMetrics } from "./metrics.ts"

test("Prometheus' text becomes data, labels with quotes and all", () => {
  const text = [
    "# HELP ovl_up Whether it is up",
    "# TYPE ovl_up gauge",
    "ovl_up 1",
    "# HELP ovl_raft_x A number per server",
    "# TYPE ovl_raft_x counter",
    String.raw`ovl_raft_x{server="a \"b\" \\ c",id="1,2"} 3.5`,
    'ovl_raft_x{server="d"} NaN',
    "",
  ].join("\n")
  expect(parseMetrics(text)).toEqual([
    { name: "ovl_up", type: "gauge", help: "Whether it is up", values: [{ labels: {}, value: 1 }] },
    {
      name: "ovl_raft_x",
      type: "counter",
      help: "A number per server",
      values: [
        { labels: { server: String.raw`a "b" \ c`, id: "1,2" }, value: 3.5 },
        { labels: { server: "d" }, value: Number.NaN },
      ],
    },
  ])
})
