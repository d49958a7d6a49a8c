/** The pages of the codes of errors and problems, and of the types of events. */
import { CODE_SUBJECTS, type CodeRow } from "../../src/base/codes/codes.ts"
import { type ErrorKind, statusesOf } from "../../src/base/errors.ts"
import { EVENT_MEANINGS } from "../../src/base/event-meanings.ts"
import { EVENT_TYPES } from "../../src/base/event-types.ts"
import { block, code, page, prose, table } from "./markdown.ts"

const KINDS: readonly [ErrorKind, string][] = [
  ["failed", "it was tried, and failed"],
  ["usage", "an unknown word or option, or a value that is wrong in itself"],
  ["invalid", "a value that is wrong for its place"],
  ["too_large", "more than is taken"],
  ["not_found", "what was named is not there"],
  ["conflict", "in use, or taken"],
  ["unauthorized", "a token is needed"],
  ["forbidden", "not permitted"],
  ["unavailable", "no daemon, or no cluster behind it"],
]

export function errorsPage(): string {
  const kinds = KINDS.map(([kind, what]) => {
    const { exit, http } = statusesOf(kind)
    return [name(kind), what, String(exit), String(http)]
  })
  const subjects = CODE_SUBJECTS.map(({ title, codes }) => {
    const rows = Object.entries(codes).map(([each, row]) => [
      code(each),
      places(row),
      `${prose(row.means)} *${prose(row.causes)}* ${prose(row.remedy)}`,
    ])
    return `## ${title}\n\n${table(["Code", "Kind", "What it means, *what it mostly comes from*, what to do"], rows)}`
  })
  return page(
    "# Errors",
    "An error is two lines on stderr, `ovl: <what failed>: <why>` and `hint: <what to do>`; with `--json` one document there, and over HTTP the same document as the answer:",
    block("json", ['{"error":{"code":"subnet_overlap","message":"...","hint":"..."}}']),
    "The code stays the same from version to version; messages and hints may change. `ovl explain CODE` says what is on this page.",
    `## Kinds\n\n${table(["Kind", "What it means", "Exit status", "HTTP"], kinds)}\n\nFurther exit statuses: 0 done, 7 degraded (\`status\`, \`doctor\`, \`lab verify\`); \`run\`, \`exec\` and \`lab exec\` pass on that of the command.`,
    ...subjects,
  )
}

function places({ kinds, problem }: CodeRow): string {
  const words = kinds.map((kind) => `${name(kind)} (${statusesOf(kind).exit})`)
  if (problem) words.push(`${problem} of status`)
  return words.join(", ")
}

function name(kind: ErrorKind): string {
  return kind.replace("_", " ")
}

export function eventsPage(): string {
  return page(
    "# Events",
    "`ovl events` shows them, `ovl events -f` as they happen; over HTTP they are server-sent at `/api/v1/events`. Each has its time, the node that tells it, its type, a sentence and, by name, the things that it is about.",
    table(
      ["Type", "What happened"],
      EVENT_TYPES.map((type) => [code(type), prose(EVENT_MEANINGS[type])]),
    ),
  )
}
