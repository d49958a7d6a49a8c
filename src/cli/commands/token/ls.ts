import type { TokenView } from "../../../model/node.ts"
import { defineCommand } from "../../command.ts"
import { ago, table } from "../../render/text.ts"

export const tokenLs = defineCommand({
  path: ["token", "ls"],
  aliases: [["token", "list"]],
  task: "Run a node",
  summary: "List join tokens, without their secrets",
  examples: [
    { what: "What could let a node in", line: "ovl token ls" },
    { what: "Take all of them back", line: "ovl token rm $(ovl token ls -q)" },
  ],
  options: {},
  arguments: {},
  async run(context) {
    const tokens = await (await context.client()).tokens()
    context.answer(tokens, () => {
      if (context.settings.quiet) return tokens.map((token) => `${token.id}\n`).join("")
      return tokenTable(tokens, context.now())
    })
    return 0
  },
})

export function tokenTable(tokens: readonly TokenView[], nowMs: number): string {
  return table(
    [
      { title: "ID", text: (token) => token.id },
      { title: "ROLE", text: (token) => token.role },
      { title: "USES LEFT", text: (token) => (token.usesLeft === null ? "any" : String(token.usesLeft)) },
      { title: "EXPIRES", text: (token) => ago(token.expires, nowMs) },
      { title: "CREATED", text: (token) => ago(token.created, nowMs) },
    ],
    tokens,
  )
}
