import type { RaftServerView } from "../../../model/raft.ts"
import { defineCommand } from "../../command.ts"
import { type Column, table } from "../../render/text.ts"

const COLUMNS: readonly Column<RaftServerView>[] = [
  { title: "NAME", text: (server) => server.name },
  { title: "ADDRESS", text: (server) => server.address },
  { title: "ROLE", text: (server) => server.role },
  { title: "STATE", text: (server) => (server.progress === "snapshot" ? "loading" : server.state) },
  { title: "MATCH", text: (server) => known(server.match) },
  { title: "LAG", text: (server) => known(server.lag) },
  { title: "CONTACT", text: (server) => contact(server.lastContactMs) },
]

export const raftLs = defineCommand({
  path: ["raft", "ls"],
  aliases: [["raft", "list"]],
  task: "Look closer",
  summary: "List the servers that keep the store, who leads, and how far each is",
  details:
    "MATCH is the last entry that a server is known to have on its disk, LAG how many it lacks, CONTACT how long ago the leader heard from it; where no server leads, they are not known. A learner has no vote yet and gets it by itself; `waiting` is one that has joined and has not been taken in yet, `leaving` one whose membership has ended.",
  examples: [
    { what: "Who leads, who lags", line: "ovl raft ls" },
    { what: "The leader's name", line: "ovl raft ls --json | jq -r .leader" },
  ],
  options: {},
  arguments: {},
  async run(context) {
    const view = await (await context.client()).raft()
    context.answer(view, () => {
      if (context.settings.quiet) return view.servers.map((server) => `${server.name}\n`).join("")
      return table(COLUMNS, view.servers)
    })
    if (view.leader === null) context.remark(`no server leads; this is what ${view.source} knows by itself`)
    return 0
  },
})

function known(value: number | null): string {
  return value === null ? "-" : String(value)
}

function contact(ms: number | null): string {
  if (ms === null) return "-"
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1_000)} s`
}
