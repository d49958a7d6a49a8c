import { COMMIT, VERSION } from "../../base/version.ts"
import { defineCommand } from "../command.ts"

export const version = defineCommand({
  path: ["version"],
  task: "Look closer",
  summary: "Show the version of ovl",
  examples: [
    { what: "The version", line: "ovl version" },
    { what: "The same for a script", line: "ovl version --json" },
  ],
  options: {},
  arguments: {},
  async run(context) {
    const commit = COMMIT === "" ? "" : ` (${COMMIT})`
    context.answer({ version: VERSION, commit: COMMIT, platform: `${process.platform}/${process.arch}` }, () => {
      return `ovl ${VERSION}${commit}\n`
    })
    return 0
  },
})
