/** argv in, exit status out; the only `process.exit` of the program. */
import { hiddenProgram } from "./cli/hidden.ts"

async function main(argv: string[]): Promise<number> {
  const hidden = hiddenProgram(argv[0])
  if (hidden) return hidden(argv.slice(1))
  const { runCommandLine } = await import("./cli/run.ts")
  const { realWorld } = await import("./cli/world.ts")
  return runCommandLine(argv, realWorld)
}

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error) => {
    process.stderr.write(`ovl: internal error: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`)
    process.exit(1)
  },
)
