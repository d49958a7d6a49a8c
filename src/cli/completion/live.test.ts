import { expect, test } from "bun:test"
import { COMPLETION_NAMES_MAX } from "../../base/limits.ts"
import { liveNames, type LiveSources } from "./live.ts"

test("of more names than are offered, those that begin with what was typed", async () => {
  const hosts = Array.from({ length: COMPLETION_NAMES_MAX + 2 }, (_, at) => `h${at}`)
  const sources: LiveSources = {
    client: () => Promise.reject(new Error("not asked")),
    sleep: () => new Promise(() => {}),
    labs: async () => [{ name: "big", hosts }],
  }
  expect(await liveNames("host", "", sources)).toHaveLength(COMPLETION_NAMES_MAX)
  const last = hosts.at(-1)!
  expect(await liveNames("host", last, sources)).toEqual([{ word: last, description: "host of lab big" }])
})
