import {
  allCodes,
  CODE_SUBJECTS,
  type CodeRow,
  type CodeSubject,
  codeNear,
  findCode,
} from "../../base/codes/codes.ts"
import { type ErrorKind, OvlError, statusesOf } from "../../base/errors.ts"
import { defineCommand } from "../command.ts"
import { PAGE_COLUMNS, wrap } from "../render/lines.ts"
import type { Style } from "../render/style.ts"
import { visible } from "../render/text.ts"

export const explain = defineCommand({
  path: ["explain"],
  task: "Look closer",
  summary: "What an error's code means, what it comes from and what to do",
  details:
    "Each error has a code: --json shows it, and so does -v. Codes stay the same from version to version, so scripts may rely on them. Without a code all are listed.",
  examples: [
    { what: "What was that about a subnet?", line: "ovl explain subnet_overlap" },
    { what: "All codes, those about joining among them", line: "ovl explain | less" },
  ],
  arguments: {
    code: {
      name: "CODE",
      description: "The code of an error or of a problem",
      required: false,
      takes: "one",
      holds: "code",
    },
  },
  options: {},
  async run(context) {
    const { code } = context.arguments
    if (code === undefined) {
      context.answer(CODE_SUBJECTS.flatMap(documents), () => listText(context.style))
      return 0
    }
    const row = findCode(code)
    if (row === undefined) throw codeNotFound(code)
    context.answer(documentOf(code, row), () => rowText(code, row, context.style))
    return 0
  },
})

function codeNotFound(code: string): OvlError {
  const meant = codeNear(code)
  return new OvlError("code_not_found", `explain ${visible(code)}: there is no such code`, {
    kind: "not_found",
    hint: meant ? `did you mean \`ovl explain ${meant}\`?` : "`ovl explain` lists all codes",
  })
}

function documents({ codes }: CodeSubject) {
  return Object.entries(codes).map(([code, row]) => documentOf(code, row))
}

function documentOf(code: string, row: CodeRow) {
  const { means, causes, remedy, problem = null } = row
  const kinds = row.kinds.map((kind) => ({ kind, ...statusesOf(kind) }))
  return { code, means, causes, remedy, kinds, problem }
}

function listText(style: Style): string {
  const longest = Math.max(...allCodes().map((code) => code.length))
  const parts = CODE_SUBJECTS.map(({ title, codes }) => {
    const lines = Object.entries(codes).map(
      ([code, { means }]) => `  ${code.padEnd(longest)}  ${wrap(means, PAGE_COLUMNS, longest + 4)}`,
    )
    return `${style.bold(title)}\n${lines.join("\n")}\n`
  })
  return parts.join("\n")
}

function rowText(code: string, row: CodeRow, style: Style): string {
  const paragraph = (title: string, text: string) => `${style.bold(title)}\n  ${wrap(text, PAGE_COLUMNS, 2)}\n`
  return [
    `${style.bold(code)}\n  ${wrap(row.means, PAGE_COLUMNS, 2)}\n`,
    paragraph("Mostly because", row.causes),
    paragraph("What to do", row.remedy),
    paragraph("In a program", placesOf(row)),
  ].join("\n")
}

/** `conflict: exit status 4, HTTP 409`. */
function placesOf({ kinds, problem }: CodeRow): string {
  const parts = kinds.map(kindText)
  if (problem === "error") parts.push("an error among the problems of `ovl status` and `ovl doctor`, which end with 7")
  if (problem === "warning") parts.push("a warning of `ovl status` and `ovl doctor`; the health stays ok")
  return `${parts.join("; ")}.`
}

/** Also for the reference pages. */
export function kindText(kind: ErrorKind): string {
  const { http, exit } = statusesOf(kind)
  return `${kind.replace("_", " ")}: exit status ${exit}, HTTP ${http}`
}
