import { type Command, defineCommand } from "../../command.ts"
import { LAB_OPTIONS, requireRootForLab } from "../../lab.ts"

export const labLinkDown = linkCommand("down", {
  summary: "Cut the link between two nodes of a lab",
  details:
    "Nothing passes between the two any more, in either direction, as with a broken fibre; they are not told. With `underlay` as B the cable of A is unplugged, and A sees it. `ovl lab up` puts all links as the file has them.",
  examples: [
    { what: "Two nodes that do not hear each other", line: "ovl lab link down swarm-01 swarm-02" },
    { what: "A node off the network", line: "ovl lab link down swarm-02 underlay" },
  ],
})

export const labLinkUp = linkCommand("up", {
  summary: "Heal the link between two nodes of a lab",
  details: "Healing what is not cut changes nothing.",
  examples: [
    { what: "The two hear each other again", line: "ovl lab link up swarm-01 swarm-02" },
    { what: "Its cable is plugged in again", line: "ovl lab link up swarm-02 underlay" },
  ],
})

function linkCommand(state: "up" | "down", words: Pick<Command, "summary" | "details" | "examples">): Command {
  return defineCommand({
    path: ["lab", "link", state],
    task: "See it work",
    ...words,
    arguments: {
      a: { name: "A", description: "A node, or the outside host", required: true, takes: "one", holds: "host" },
      b: { name: "B", description: "Another one, or underlay", required: true, takes: "one", holds: "host" },
    },
    options: LAB_OPTIONS,
    async run(context) {
      const { a, b } = context.arguments
      requireRootForLab(context.io, `link ${state}`)
      const { setLink } = await import("../../../lab/link.ts")
      const { chooseLab } = await import("../../../lab/state.ts")
      const lab = chooseLab(context.options.name)
      setLink(lab, a, b, state)
      if (context.settings.json) context.document({ lab, between: [a, b], state })
      else context.remark(`lab ${lab}: ${a} and ${b}: ${state}`)
      return 0
    },
  })
}
