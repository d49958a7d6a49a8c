import { defineCommand } from "../command.ts"

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
    const { codeDocument, codeDocuments, codeListText, codeText, lookUp } = await import("../render/codes.ts")
    if (code === undefined) {
      context.answer(codeDocuments(), () => codeListText(context.style))
      return 0
    }
    const row = lookUp(code)
    context.answer(codeDocument(code, row), () => codeText(code, row, context.style))
    return 0
  },
})
