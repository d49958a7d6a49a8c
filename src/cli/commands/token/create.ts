import { TOKEN_TTL_DEFAULT_MS, TOKEN_TTL_MAX_MS } from "../../../base/limits.ts"
import { defineCommand } from "../../command.ts"

export const tokenCreate = defineCommand({
  path: ["token", "create"],
  task: "Run a node",
  summary: "Make a token with which nodes can join, and print it",
  details:
    "It is shown this once: the cluster keeps only a hash of it. Without --uses it can be used any number of times.",
  examples: [
    { what: "Join a second host", line: 'ovl join 192.168.1.51 --token "$(ssh swarm-01 ovl token create)"' },
    { what: "Good for one node within ten minutes", line: "ovl token create --ttl 10m --uses 1" },
  ],
  arguments: {},
  options: {
    role: {
      kind: "text",
      value: "ROLE",
      choices: ["client", "server"],
      default: "client",
      description: "What it lets a node become: client or server",
    },
    ttl: {
      kind: "duration",
      value: "DURATION",
      min: 1,
      max: TOKEN_TTL_MAX_MS,
      default: TOKEN_TTL_DEFAULT_MS,
      description: "How long it is valid",
    },
    uses: { kind: "integer", value: "N", min: 1, description: "How many nodes may join with it (default: any number)" },
  },
  async run(context) {
    const { role, ttl, uses } = context.options
    const client = await context.client()
    const created = await client.createToken({
      role: role === "server" ? "server" : "client",
      ttlMs: ttl,
      uses: uses ?? null,
    })
    context.answer(created, () => `${created.token}\n`)
    return 0
  },
})
