/** What `ovl explain` prints: one code, or all of them. */
import { allCodes, CODE_SUBJECTS, type CodeRow, codeNear, findCode } from "../../base/codes/codes.ts"
import { type ErrorKind, OvlError, statusesOf } from "../../base/errors.ts"
import { PAGE_COLUMNS, wrap } from "./lines.ts"
import type { Style } from "./style.ts"
import { visible } from "./text.ts"

/** Errors: code_not_found. */
export function lookUp(code: string): CodeRow {
  const row = findCode(code)
  if (row === undefined) throw codeNotFound(code)
  return row
}

function codeNotFound(code: string): OvlError {
  const meant = codeNear(code)
  return new OvlError("code_not_found", `explain ${visible(code)}: there is no such code`, {
    kind: "not_found",
    hint: meant ? `did you mean \`ovl explain ${meant}\`?` : "`ovl explain` lists all codes",
  })
}

export function codeDocuments() {
  return CODE_SUBJECTS.flatMap(({ codes }) => Object.entries(codes).map(([code, row]) => codeDocument(code, row)))
}

export function codeDocument(code: string, row: CodeRow) {
  const { means, causes, remedy, problem = null } = row
  const kinds = row.kinds.map((kind) => ({ kind, ...statusesOf(kind) }))
  return { code, means, causes, remedy, kinds, problem }
}

/** All codes by subject, a line each. */
export function codeListText(style: Style): string {
  const longest = Math.max(...allCodes().map((code) => code.length))
  const parts = CODE_SUBJECTS.map(({ title, codes }) => {
    const lines = Object.entries(codes).map(
      ([code, { means }]) => `  ${code.padEnd(longest)}  ${wrap(means, PAGE_COLUMNS, longest + 4)}`,
    )
    return `${style.bold(title)}\n${lines.join("\n")}\n`
  })
  return parts.join("\n")
}

/** What is known of one code. */
export function codeText(code: string, row: CodeRow, style: Style): string {
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
