/**
 * The process that opens disk images, apart from the harness: LMDB maps the file into memory, and a damaged one can end
 * the process. Its argument is a data directory with the log as it turned out; questions and answers are lines of JSON.
 */
import { createInterface } from "node:readline"
import { checkImage, type ImageReport, type Owner } from "./check-image.ts"
import { ReferenceLog } from "./reference-log.ts"

/** `dir`: a data directory. */
export type CheckerQuestion = Owner & { dir: string }
export type CheckerAnswer = { report: ImageReport } | { refused: string }

const reference = await ReferenceLog.load(process.argv[2]!)
for await (const line of createInterface({ input: process.stdin })) {
  const { dir, ...owner } = JSON.parse(line) as CheckerQuestion
  const answer = await checkImage(dir, owner, reference).then(
    (report): CheckerAnswer => ({ report }),
    (error: Error): CheckerAnswer => ({ refused: `${"code" in error ? error.code : error.name}: ${error.message}` }),
  )
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
