/** `schemas/lab.schema.json`: the file's schema for editors, which complete and check while one writes. */
import { z } from "zod"
import { labFileSchema, SECTIONS } from "./schema.ts"

type JsonSchema = Record<string, unknown> & { properties?: Record<string, JsonSchema> }

const DIALECT = "http://json-schema.org/draft-07/schema#"

/** As text, as it stands in the repository. */
export function labJsonSchema(): string {
  const { $schema: _, ...schema } = z.toJSONSchema(labFileSchema, { target: "draft-7", io: "input" }) as JsonSchema
  for (const section of Object.keys(SECTIONS)) {
    const entries = schema.properties?.[section] as { additionalProperties?: JsonSchema }
    // `red:` with nothing after it is a network of which everything is chosen.
    if (entries.additionalProperties) entries.additionalProperties.type = ["object", "null"]
  }
  // The comment for editors that stands in JSON files is no part of a lab.
  const document = { $schema: DIALECT, title: "A lab of ovl", ...schema }
  return `${JSON.stringify(document, null, 2)}\n`
}
