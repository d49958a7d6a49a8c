import { asOvlError } from "../../../base/errors.ts"
import type { NetworkView } from "../../../model/network.ts"
import { defineCommand } from "../../command.ts"
import type { Context } from "../../context.ts"
import type { Io } from "../../io.ts"
import { count } from "../../render/text.ts"
import { usageError } from "../../usage.ts"

export const networkPrune = defineCommand({
  path: ["network", "prune"],
  task: "Networks",
  summary: "Remove all networks without endpoints from the whole cluster",
  details:
    "Says which ones and asks, unless --yes; where nobody can be asked, --yes is wanted. A network that has an endpoint on any node is in use and stays, also if it got one meanwhile.",
  examples: [
    { what: "Say which, and ask", line: "ovl network prune" },
    { what: "Those of one project, in a script", line: "ovl network prune --yes --label project=shop" },
  ],
  arguments: {},
  options: {
    yes: { kind: "flag", short: "y", config: "", description: "Do not ask" },
    force: { kind: "flag", short: "f", config: "", description: "The same as --yes, as docker has it" },
    label: { kind: "list", value: "KEY[=VALUE]", config: "", description: "Only networks with all of these labels" },
  },
  async run(context) {
    const { yes, force, label } = context.options
    const client = await context.client()
    const unused = (await client.networks()).filter((network) => isUnused(network) && hasLabels(network, label))
    if (unused.length > 0 && !yes && !force && !confirmed(context, unused)) {
      context.remark("nothing was removed")
      return 1
    }
    const removed: { id: string; name: string }[] = []
    let failed: { exitStatus: number } | null = null
    for (const { id, name } of unused) {
      try {
        await client.removeNetwork(id)
        removed.push({ id, name })
        if (!context.settings.json) context.line(name)
      } catch (thrown) {
        const error = asOvlError(thrown)
        // Used, or removed by somebody else, since it was looked at.
        if (error.kind === "conflict" || error.kind === "not_found") continue
        context.report(error)
        failed ??= error
      }
    }
    if (context.settings.json) context.document({ removed })
    else if (removed.length === 0 && failed === null)
      context.remark("no network is without endpoints: nothing to remove")
    return failed?.exitStatus ?? 0
  },
})

function isUnused({ endpoints }: NetworkView): boolean {
  return endpoints.length === 0
}

/** `KEY` is there, `KEY=VALUE` is there with that value. */
function hasLabels({ labels }: NetworkView, wanted: readonly string[]): boolean {
  return wanted.every((text) => {
    const equals = text.indexOf("=")
    if (equals < 0) return Object.hasOwn(labels, text)
    return labels[text.slice(0, equals)] === text.slice(equals + 1)
  })
}

/** Errors: confirmation_missing (usage) where nobody can be asked. */
function confirmed({ io }: Pick<Context, "io">, networks: readonly NetworkView[]): boolean {
  const names = networks.map(({ name }) => name).join(", ")
  if (!io.stdinIsTerminal)
    throw usageError(
      "confirmation_missing",
      `network prune: nothing was removed: ${count(networks.length, "network")} without endpoints: ${names}`,
      "standard input is no terminal, so nobody can be asked; add --yes to remove them",
    )
  io.stderr(`Without endpoints: ${names}\nRemove ${networks.length === 1 ? "it" : `all ${networks.length}`}? [y/N] `)
  return /^y(es)?$/i.test(readLine(io).trim())
}

const ANSWER_MAX_BYTES = 64

function readLine(io: Io): string {
  let text = ""
  while (text.length < ANSWER_MAX_BYTES) {
    const [byte] = io.readStdin(1)
    if (byte === undefined || byte === 0x0a) break
    text += String.fromCharCode(byte)
  }
  return text
}
